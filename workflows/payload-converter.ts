import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';

/**
 * The default converter, but for what cannot be read: a signal or an input with a malformed payload would fail every
 * workflow task from then on. It arrives as null, which no handler counts.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value, context, hint) => defaultPayloadConverter.toPayload(value, context, hint),
  // The signature is the SDK's.
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
  fromPayload: <T>(payload: Payload): T => {
    try {
      return defaultPayloadConverter.fromPayload<T>(payload);
    } catch {
      return null as T;
    }
  },
};
