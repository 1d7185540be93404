/** The binary forms of SSH (RFC 4251 section 5), as far as certificates and the agent protocol need them. */

/** A `string`: its length in four bytes, then its bytes. */
export function sshString(value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A `uint32`. */
export function sshUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export interface SshReader {
  /** @throws RangeError when there is less left than the length says. */
  string(): Buffer;
  uint32(): number;
  uint64(): bigint;
  isAtEnd(): boolean;
}

/** Reads fields one after the other. All throw RangeError beyond the end. */
export function readSsh(bytes: Buffer): SshReader {
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new RangeError('an SSH field is longer than what holds it');
    at += length;
    return bytes.subarray(at - length, at);
  };
  return {
    string: () => take(take(4).readUInt32BE()),
    uint32: () => take(4).readUInt32BE(),
    uint64: () => take(8).readBigUInt64BE(),
    isAtEnd: () => at === bytes.length,
  };
}
