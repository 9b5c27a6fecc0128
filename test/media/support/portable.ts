/** Whether the media tests do without libcrypto, sendmmsg and UDP_SEGMENT: `npm test` runs them both ways. */
export const portable: boolean = process.env.MEDIA_PORTABLE === "1";
