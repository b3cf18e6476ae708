interface Host {
  readonly navigator?: { readonly gpu?: GPU };
  readonly isSecureContext?: boolean;
}

/** What this module looks for on the host; a page has it all, Node 20 nothing of it. */
export const host: Host = globalThis as Host;
