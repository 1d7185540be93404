import { gatewayConfigSchema } from '../../src/config/gateway.js';
import { runProcess } from '../run-process.js';
import { startGateway } from './gateway.js';

await runProcess(gatewayConfigSchema, startGateway);
