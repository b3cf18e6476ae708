/**
 * The bytes themselves, or, where they start with gzip's magic number, what they unpack to.
 * @param source names the file in messages
 * @throws when the gzip stream is corrupt or truncated.
 */
export async function gunzip(bytes: Uint8Array, source: string): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Uint8Array(await new Response(unpacked).arrayBuffer());
  } catch (error) {
    throw new Error(`${source}: corrupt or truncated gzip file; fetch it again`, { cause: error });
  }
}
