import type { Attributes } from '@opentelemetry/api';

/** What a span of the operation on a queue says by the semantic conventions for messaging; `destination` is a function, or `tasks`. */
export function messageAttributes(operation: 'send' | 'process', destination: string): Attributes {
  return {
    'messaging.system.name': 'lamplighter',
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.destination.name': destination,
  };
}
