import { storeConformance } from './conformance.ts';
import { mysqlDatabases } from './testing/databases.ts';

storeConformance('mysql', mysqlDatabases);
