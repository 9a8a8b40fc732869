export { createOwnerClient, LinkedOwnerClient, type OwnerClientOptions } from './owner-client.ts';
export { TcpTransport } from './tcp-transport.ts';
