/** What `dev` prints when it is ready, and what `GET /` answers. */

export interface Welcome {
  url: string;
  dir: string;
  /** Tokens of two users of acme. */
  ada: string;
  bob: string;
}

export const welcome = ({ url, dir, ada, bob }: Welcome): string => `Chatcells is ready at ${url}

  export TOKEN=${ada}    # ada of acme
  export BOB=${bob}    # bob of acme

  curl -s ${url}/api/conversations.create -H "Authorization: Bearer $TOKEN" -d name=hello
  curl -s ${url}/api/chat.postMessage -H "Authorization: Bearer $TOKEN" -d channel=C… -d text=hi

Slack's SDKs: slackApiUrl '${url}/api/'. WebSocket: rtm.connect gives its URL.
Tokens for others: npx chatctl dev-token --dev-dir ${dir} --workspace-name acme|globex --user-name NAME
Data and keys: ${dir}. Ctrl-C ends it; the data stays.
`;

export const HELP = `Chatcells, stage 1: everything in one process.

POST /api/<method>   Slack's Web API: api.test, auth.test, chat.postMessage, conversations.create, …
GET  /ws             Slack's RTM: rtm.connect gives the URL with a ticket

The methods are listed in docs/web-api.md, the events in docs/client-protocol.md.
`;
