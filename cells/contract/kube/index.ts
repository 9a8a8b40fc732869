/** Kubernetes for the processes that talk to it: the operator, the control plane and chatctl. */
export * from './client.ts';
export * from './events.ts';
export * from './objects.ts';
export * from './reflector.ts';
export * from './token-secret.ts';
