import { ACCESS_AGENT, EXAMPLE_AGENT } from '../example.js';
import type { LiveOperation } from './live-operation.js';

/** `database.export`: on the orders of every installation. */
export const databaseExport: LiveOperation = {
  operation: 'database.export',
  agent: EXAMPLE_AGENT,
  approver: 'ben',
  missing: () => Promise.resolve(null),
  provide: () =>
    Promise.resolve({
      example: () => ({
        params: { target: 'orders', format: 'csv', query: 'select id, status from orders where id <= 10' },
        reason: 'A try',
      }),
    }),
};

/** `database.grant`: on the same. */
export const databaseGrant: LiveOperation = {
  operation: 'database.grant',
  agent: ACCESS_AGENT,
  approver: 'ben',
  missing: () => Promise.resolve(null),
  provide: () =>
    Promise.resolve({
      example: () => ({
        params: {
          target: 'orders',
          changes: [
            { do: 'create_role', role: 'reporting' },
            {
              do: 'grant',
              privileges: ['SELECT'],
              on: { kind: 'table', schema: 'public', tables: ['orders', 'order_lines'] },
              to: 'reporting',
            },
          ],
        },
        reason: 'The monthly report reads orders',
      }),
    }),
};
