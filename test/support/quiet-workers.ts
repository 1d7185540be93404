import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';

// Workers tell every change of state and every refused activity; a test's output should tell the test.
Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) } },
});
