import { CUT_FIELD_BYTES, readCString } from './backend-messages.ts';

/** What the server says about an error or a notice, by the letters of the protocol; texts are in the server's language. */
export interface ServerErrorFields {
  /** `ERROR`, `FATAL` or `PANIC`, whatever the language: after the latter two the session is gone. */
  readonly severity: string;
  /** The same in the server's language. */
  readonly localSeverity: string;
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  /** Where in the text, in characters from 1. */
  readonly position?: number;
  /** Where in `internalQuery`. */
  readonly internalPosition?: number;
  readonly internalQuery?: string;
  readonly context?: string;
  /** The server's own function that gave the error; nothing that runs in the database can choose it. */
  readonly routine?: string;
  /** How much of it was thrown away, as it was too large to keep. */
  readonly cutBytes?: number;
}

/** An error that the server sent, whole; `code` is its SQLSTATE. */
export class ServerError extends Error {
  override readonly name = 'ServerError';
  readonly code: string;
  readonly severity: string;
  readonly fields: ServerErrorFields;

  constructor(fields: ServerErrorFields) {
    super(fields.message);
    this.code = fields.code;
    this.severity = fields.severity;
    this.fields = fields;
  }

  /** True when the session ended with it. */
  get isFatal(): boolean {
    return this.severity === 'FATAL' || this.severity === 'PANIC';
  }
}

/** PostgreSQL's names for encodings that clients can have, where they differ from those of the platform. */
const ENCODING_LABELS: Readonly<Record<string, string>> = {
  BIG5: 'big5',
  EUC_CN: 'gbk',
  EUC_JP: 'euc-jp',
  EUC_KR: 'euc-kr',
  GB18030: 'gb18030',
  GBK: 'gbk',
  ISO_8859_5: 'iso-8859-5',
  ISO_8859_6: 'iso-8859-6',
  ISO_8859_7: 'iso-8859-7',
  ISO_8859_8: 'iso-8859-8',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  LATIN1: 'iso-8859-1',
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN5: 'iso-8859-9',
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  LATIN10: 'iso-8859-16',
  SJIS: 'shift_jis',
  UHC: 'euc-kr',
  WIN866: 'ibm866',
  WIN874: 'windows-874',
  WIN1250: 'windows-1250',
  WIN1251: 'windows-1251',
  WIN1252: 'windows-1252',
  WIN1253: 'windows-1253',
  WIN1254: 'windows-1254',
  WIN1255: 'windows-1255',
  WIN1256: 'windows-1256',
  WIN1257: 'windows-1257',
  WIN1258: 'windows-1258',
};

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads an ErrorResponse or NoticeResponse. A statement may have changed the encoding just before, and from PostgreSQL 14 on the server
 * says so only after the error: what is no UTF-8 is read as `clientEncoding`.
 */
export function readServerError(body: Buffer, clientEncoding: string, cutBytes?: number): ServerErrorFields {
  const fields = new Map<string, string>();
  const decode = decoderFor(clientEncoding);
  for (let at = 0; at < body.length && body[at] !== 0; ) {
    const { text, next } = readCString(body, at + 1);
    fields.set(String.fromCharCode(body.readUInt8(at)), decode(text));
    at = next;
  }
  const position = numberIn(fields.get('P'));
  const internalPosition = numberIn(fields.get('p'));
  const localSeverity = fields.get('S') ?? 'ERROR';
  return {
    severity: fields.get('V') ?? localSeverity,
    localSeverity,
    code: fields.get('C') ?? 'XX000',
    message: fields.get('M') ?? '',
    ...optional('detail', fields.get('D')),
    ...optional('hint', fields.get('H')),
    ...optional('position', position),
    ...optional('internalPosition', internalPosition),
    ...optional('internalQuery', fields.get('q')),
    ...optional('context', fields.get('W')),
    ...optional('routine', fields.get('R')),
    ...optional('cutBytes', cutBytes),
  };
}

function decoderFor(clientEncoding: string): (bytes: Buffer) => string {
  const label = ENCODING_LABELS[clientEncoding.toUpperCase()];
  const other = new TextDecoder(label ?? 'iso-8859-1');
  // In an encoding that is announced, bytes are never taken for UTF-8 by chance.
  if (label !== undefined) return (bytes) => other.decode(bytes);
  return (bytes) => {
    try {
      // A field that was cut, with its letter, may end within a character, which is left out then.
      const isCut = bytes.length >= CUT_FIELD_BYTES - 1;
      return isCut ? new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true }) : UTF8.decode(bytes);
    } catch {
      return other.decode(bytes);
    }
  };
}

const numberIn = (text: string | undefined) => (text === undefined ? undefined : Number(text));

function optional<Name extends string, Value>(name: Name, value: Value | undefined): { [K in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [K in Name]?: Value });
}
