/** Where the server is, without a slash at the end: this script lies there, whatever path the server is below. */
export const base = new URL("./", import.meta.url).href.slice(0, -1);
