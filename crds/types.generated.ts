// Generated from the CRD YAML by `npm run gen`. Do not edit.

export interface CellSpec {
/**
 * The region label of the cell. Immutable.
 */
region: string
/**
 * The value of topology.kubernetes.io/zone that the cell's Pods are bound to. Immutable.
 */
zone: string
/**
 * The WebSocket servers.
 */
gateways?: {
replicas?: number
resources?: {
requests?: {
[k: string]: number | string
}
limits?: {
[k: string]: number | string
}
}
}
/**
 * The owners of slots.
 */
channelServers?: {
replicas?: number
resources?: {
requests?: {
[k: string]: number | string
}
limits?: {
[k: string]: number | string
}
}
}
/**
 * The Web API servers.
 */
api?: {
replicas?: number
resources?: {
requests?: {
[k: string]: number | string
}
limits?: {
[k: string]: number | string
}
}
}
/**
 * The Envoys of the zone.
 */
edge?: {
replicas?: number
/**
 * The port that clients connect to.
 */
port?: number
/**
 * Listen on the node's own address.
 */
hostNetwork?: boolean
resources?: {
requests?: {
[k: string]: number | string
}
limits?: {
[k: string]: number | string
}
}
}
capacity?: {
/**
 * WebSockets that the cell may hold.
 */
connections?: number
}
traffic?: {
/**
 * The cell's share of its zone's traffic in percent when nothing drains it.
 */
weight?: number
}
/**
 * Intent to move the cell's traffic and slots elsewhere. The operator carries it out; removing targetWeight undoes it.
 */
drain?: {
/**
 * Whether a gray failure drains the cell by itself.
 */
mode?: ("Manual" | "Auto")
/**
 * The weight to go to; 0 empties the cell of sockets and slots too.
 */
targetWeight?: number
stepPercent?: number
/**
 * Time between two steps, 100ms to 60m.
 */
stepInterval?: string
/**
 * Share of failed requests in the last 10 s at which the drain goes back.
 */
maxErrorRate?: string
/**
 * How long a drain or undrain may take from its start before it is said to be overdue. Without it: twice the time of all steps and five minutes.
 */
deadline?: string
/**
 * Stop the drain or undrain where it is: no steps, no slots leave, nothing comes back.
 */
paused?: boolean
/**
 * Why it is paused.
 */
pauseReason?: string
reason?: string
/**
 * Who asked for it, as chatctl knew. The API server's audit log is the proof.
 */
requestedBy?: string
/**
 * What set targetWeight, when it was no person.
 */
initiator?: ("GrayFailure" | "PracticeDrain")
/**
 * Go on although the other cells have no room, are not known to have it, or fail. Needs a reason.
 */
force?: boolean
}
}

export interface CellStatus {
/**
 * The weight in force.
 */
weight?: number
/**
 * Slots owned by the cell's channel servers.
 */
slots?: number
/**
 * The ChannelRing that lists this cell.
 */
ring?: string
drain?: {
phase?: ("None" | "Draining" | "Drained" | "Undraining" | "Blocked" | "Paused")
startedAt?: string
/**
 * By when it is to be finished.
 */
deadline?: string
finishedAt?: string
lastStepAt?: string
/**
 * The weight at which a drain began. An undrain has none.
 */
fromWeight?: number
/**
 * What the drain waits for.
 */
blocker?: string
/**
 * Since when it waits.
 */
blockedSince?: string
/**
 * That force was used in this drain.
 */
forced?: {
since?: string
/**
 * spec.drain.requestedBy at that time.
 */
by?: string
/**
 * spec.drain.reason at that time.
 */
reason?: string
/**
 * The guard that it went past, such as NoRoom.
 */
past?: string
}
}
/**
 * Gateways that are drained alone, since they fail while the rest of the cell does not.
 */
drainingGateways?: {
pod: string
since: string
reason: string
}[]
/**
 * Edges that have not acknowledged the weights in force.
 */
unreachableEdges?: string[]
/**
 * Latest observations of the object. One entry a type.
 */
conditions?: {
type: string
status: ("True" | "False" | "Unknown")
reason: string
message: string
observedGeneration?: number
lastTransitionTime: string
}[]
/**
 * The metadata.generation that this status speaks of.
 */
observedGeneration?: number
}

export interface ChannelRingSpec {
/**
 * The Cells, of the same namespace, whose channel servers own the slots.
 */
cells: string[]
slots?: 16384
/**
 * Budget of planned handoffs for rebalancing. Drains and shutdowns have their own.
 */
maxMovesPerMinute?: number
handoff?: {
/**
 * Bounds the planned moves under way at once: 4 times as many slots for rebalancing, 16 times as many for a drain. How many an owner freezes together follows from how long its last ones paused.
 */
batch?: number
/**
 * Stop planned moves. Failover goes on.
 */
paused?: boolean
/**
 * Why planned moves are stopped.
 */
pauseReason?: string
/**
 * Slots that are to be owned by a certain Pod for as long as it is a member that stays.
 */
pins?: {
slot: number
/**
 * A channel server of one of the ring's cells.
 */
pod: string
reason?: string
}[]
}
/**
 * Slots with much load change places with others until no member has much more than the average. Nothing is moved while the whole ring has less than 1,000 events stored and sent a second.
 */
hotSlots?: {
enabled?: boolean
/**
 * Budget of these planned handoffs alone. Every swap is two.
 */
maxMovesPerMinute?: number
/**
 * Load of the fullest member, in percent of the average, from which slots are moved.
 */
abovePercent?: number
}
failure?: {
/**
 * Interval of the channel servers' heartbeats, 100ms to 60s.
 */
heartbeat?: string
/**
 * Heartbeats missed before a channel server counts as dead.
 */
missed?: number
}
}

export interface ChannelRingStatus {
epoch?: number
memberCount?: number
movesInFlight?: number
maxOverAverage?: string
members?: {
pod: string
cell?: string
zone?: string
slots?: number
standbySlots?: number
}[]
/**
 * Latest observations of the object. One entry a type.
 */
conditions?: {
type: string
status: ("True" | "False" | "Unknown")
reason: string
message: string
observedGeneration?: number
lastTransitionTime: string
}[]
/**
 * The metadata.generation that this status speaks of.
 */
observedGeneration?: number
}

export interface PracticeDrainSpec {
/**
 * The Cells, of the same namespace, that are drained in turn, one a run.
 */
cells: string[]
/**
 * When it runs: a cron expression of five fields.
 */
schedule?: string
/**
 * Time zone of the schedule, such as Europe/Berlin.
 */
timeZone?: string
/**
 * Run once at this time, beside the schedule and also while suspended. chatctl practice run sets it.
 */
runAt?: string
/**
 * Leave out the runs of the schedule.
 */
suspend?: boolean
/**
 * A run that could not begin for so long after its time is skipped.
 */
startingDeadlineSeconds?: number
/**
 * What is expected to happen, in words.
 */
hypothesis: string
drain?: {
/**
 * The weight to go to; 0 empties the cell of sockets and slots too.
 */
targetWeight?: number
stepPercent?: number
/**
 * Time between two steps, 100ms to 60m.
 */
stepInterval?: string
/**
 * How long the cell stays drained before its traffic comes back.
 */
hold?: string
}
/**
 * When a run is given up: its traffic comes back, by 1 % at most every 500 ms. A gray failure, another drain or a Degraded Cell also does it.
 */
abort?: {
/**
 * Share of failed requests of another Cell in the last 10 s.
 */
maxErrorRate?: string
/**
 * For the drain and the hold; and the same again, at least ten minutes, for the traffic to come back.
 */
maxDuration?: string
/**
 * Share of all capacity that has to be Ready and take traffic without the cell.
 */
capacityFloorPercent?: number
}
historyLimit?: number
}

export interface PracticeDrainStatus {
phase?: ("Waiting" | "Suspended" | "Starting" | "Draining" | "Holding" | "Undraining")
nextRunAt?: string
/**
 * The last time of the schedule that was run or skipped.
 */
handledUntil?: string
/**
 * The last spec.runAt that was run or skipped.
 */
handledRunAt?: string
/**
 * The run under way.
 */
run?: {
cell: string
startedAt: string
/**
 * When the cell was drained.
 */
reachedAt?: string
/**
 * When its traffic was told to come back.
 */
undoneAt?: string
targetWeight: number
/**
 * The Cell's metadata.generation when the run began: a Cell that a person has changed since is left alone.
 */
generation: number
/**
 * The Cell's own pace, which it gets back.
 */
pace?: {
stepPercent?: number
stepInterval?: string
maxErrorRate?: string
deadline?: string
}
/**
 * Highest share of failed requests of another Cell, seen in 10 s.
 */
peakErrorRate?: string
lowestWeight?: number
/**
 * Decided when the traffic is told to come back.
 */
outcome?: ("Succeeded" | "Aborted" | "Failed")
reason?: string
message?: string
}
lastRun?: {
cell?: string
startedAt: string
reachedAt?: string
finishedAt: string
outcome: ("Succeeded" | "Aborted" | "Failed" | "Skipped")
reason: string
message?: string
lowestWeight?: number
peakErrorRate?: string
}
/**
 * The last runs, skipped ones too, newest first.
 */
history?: {
cell?: string
startedAt: string
reachedAt?: string
finishedAt: string
outcome: ("Succeeded" | "Aborted" | "Failed" | "Skipped")
reason: string
message?: string
lowestWeight?: number
peakErrorRate?: string
}[]
/**
 * Latest observations of the object. One entry a type.
 */
conditions?: {
type: string
status: ("True" | "False" | "Unknown")
reason: string
message: string
observedGeneration?: number
lastTransitionTime: string
}[]
/**
 * The metadata.generation that this status speaks of.
 */
observedGeneration?: number
}

export interface WorkspaceSpec {
displayName: string
/**
 * The ChannelRing, of the same namespace, that carries the workspace's topics.
 */
ring: string
/**
 * Cells that may own the workspace's topics; all of the ring's when absent. A ring that uses others gives the condition RingOutsideCells. Which gateways its clients reach is not limited by it.
 */
cells?: string[]
placement?: {
keyspace?: string
/**
 * A Vitess shard such as 0, -80 or 80-, or auto.
 */
shard?: string
}
limits?: {
connections?: number
postsPerSecond?: number
}
/**
 * Refuse tokens and close the sockets of the workspace.
 */
suspended?: boolean
}

export interface WorkspaceStatus {
/**
 * The workspace's id, T followed by base 36. Never changes.
 */
workspaceId?: string
placement?: {
keyspace?: string
shard?: string
}
/**
 * Public Ed25519 keys that verify the workspace's tokens. The private ones are in the Secret of the workspace.
 */
tokenKeys?: {
kid: string
/**
 * The public key in base64url, as in an OKP JWK.
 */
x: string
}[]
/**
 * The Secret with the private signing key.
 */
tokenSecret?: string
/**
 * Latest observations of the object. One entry a type.
 */
conditions?: {
type: string
status: ("True" | "False" | "Unknown")
reason: string
message: string
observedGeneration?: number
lastTransitionTime: string
}[]
/**
 * The metadata.generation that this status speaks of.
 */
observedGeneration?: number
}
