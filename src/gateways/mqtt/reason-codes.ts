/** Reason codes of MQTT 5.0 §2.4 that this gateway sends or looks at. */
export const reasons = {
  success: 0x00,
  withWill: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  unspecified: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationSpecific: 0x83,
  unsupportedVersion: 0x84,
  clientIdInvalid: 0x85,
  badCredentials: 0x86,
  notAuthorized: 0x87,
  unavailable: 0x88,
  busy: 0x89,
  shuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  takenOver: 0x8e,
  filterInvalid: 0x8f,
  topicInvalid: 0x90,
  idNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  rateTooHigh: 0x96,
  quotaExceeded: 0x97,
  administrative: 0x98,
  sharedNotSupported: 0x9e,
} as const;

/** The return code of a CONNACK of 3.1.1 (§3.2.2.3) for a reason code of 5.0. */
export function legacyReturnCode(reason: number): number {
  switch (reason) {
    case reasons.success:
      return 0;
    case reasons.unsupportedVersion:
      return 1;
    case reasons.clientIdInvalid:
      return 2;
    case reasons.badCredentials:
      return 4;
    case reasons.notAuthorized:
      return 5;
    default:
      return 3;
  }
}
