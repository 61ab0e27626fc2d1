/** Takes what came in and returns the messages that are complete now. */
export type MessageReader = (chunk: Buffer) => Buffer[];

/** Cuts one direction of a PostgreSQL session into its messages: a type, a length, a body; only a client's first one has no type. */
export function readMessages({ hasStartup }: { readonly hasStartup: boolean }): MessageReader {
  let rest: Buffer = Buffer.alloc(0);
  let isStartup = hasStartup;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const messages: Buffer[] = [];
    for (;;) {
      const typeLength = isStartup ? 0 : 1;
      if (rest.length < typeLength + 4) return messages;
      const length = typeLength + rest.readInt32BE(typeLength);
      if (rest.length < length) return messages;
      messages.push(rest.subarray(0, length));
      rest = rest.subarray(length);
      isStartup = false;
    }
  };
}

/** Whether the message has that type, a letter. */
export function isOfType(message: Buffer, type: string): boolean {
  return message[0] === type.charCodeAt(0);
}

/** The text of the statement that a client's message asks for: Query, or Parse, which begins with a name. */
export function statementOf(message: Buffer): string | undefined {
  if (isOfType(message, 'Q')) return message.toString('utf8', 5, message.length - 1);
  if (!isOfType(message, 'P')) return undefined;
  const begin = message.indexOf(0, 5) + 1;
  return message.toString('utf8', begin, message.indexOf(0, begin));
}
