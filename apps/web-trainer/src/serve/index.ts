export { SITE_HEADERS } from './headers.js';
export { type ServeOptions, type SiteServer, serveSite } from './serve-site.js';
