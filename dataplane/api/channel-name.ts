/** Slack's rules for the name of a channel, in its words. Pure. */
import { ChatError } from '../../cells/contract/errors.ts';

const MAX_CHARACTERS = 80;
/** Lower-case letters of any script, digits, hyphens and underscores. */
const ALLOWED = /^[\p{Ll}\p{Lo}\p{Lm}\p{M}\p{Nd}_-]+$/u;

/** The name in Unicode normal form C: two names that look the same are the same. */
export function channelName(text: string): string {
  const name = text.trim().normalize('NFC').replace(/^#/, '');
  if (name === '') throw new ChatError('invalid_name_required');
  if ([...name].length > MAX_CHARACTERS) throw new ChatError('invalid_name_maxlength', { max: MAX_CHARACTERS });
  if (!/[\p{L}\p{N}]/u.test(name)) throw new ChatError('invalid_name_punctuation');
  if (!ALLOWED.test(name)) throw new ChatError('invalid_name_specials');
  return name;
}
