export { databaseExport as operation } from './database-export/database-export.js';
