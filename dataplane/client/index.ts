/** The public entry of the reference client. */
export { ChatClient, type ChatClientOptions, type ClientState, type ClientStats } from './chat-client.ts';
export type { ClientEvent } from './feed.ts';
export { fetchHttp, openWebSocket } from './network.ts';
export type { PostResult } from './outbox.ts';
export { mintToken, type TokenClaims } from './token.ts';
export type { ClientConnection, ConnectionHandlers, Http, HttpRequest, HttpResponse, OpenSocket } from './transport.ts';
export { HttpFailure } from './transport.ts';
export { WebApi, type WebApiResult } from './web-api.ts';
