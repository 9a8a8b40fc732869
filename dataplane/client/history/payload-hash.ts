import { hash } from 'node:crypto';

/** 16 hex digits that stand for an event's JSON text. Equal texts on client and log are what "the same event" means. */
export const payloadHash = (json: string | Uint8Array): string => hash('sha256', json, 'hex').slice(0, 16);
