import { storeConformance } from './conformance.ts';
import { sqliteDatabases } from './testing/databases.ts';

storeConformance('sqlite', async () => sqliteDatabases());
