/** The ADS client: the public entry of this folder. */
export { AdsControlSource, type ConnectControlOptions, connectControl } from './control-source.ts';
