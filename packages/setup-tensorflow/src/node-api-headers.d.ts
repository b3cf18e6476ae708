declare module 'node-api-headers' {
  const headers: {
    /** Absolute path of the folder with `node_api.h`. */
    readonly include_dir: string;
  };
  export default headers;
}
