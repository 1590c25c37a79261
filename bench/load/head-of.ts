/** The head of an answer, as far as a load generator needs it. */
export interface Head {
  status: number;
  headers: Map<string, string>;
  headBytes: number;
  bodyBytes: number;
  isChunked: boolean;
}

/** Undefined while its end has not come. */
export function readHead(bytes: Buffer): Head | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return {
    status: Number(first.split(' ')[1]),
    headers,
    headBytes: end + 4,
    bodyBytes: Number(headers.get('content-length') ?? 0),
    isChunked: headers.get('transfer-encoding') === 'chunked',
  };
}
