import { alert } from "./alert.ts";

/** What was wrong with a message of the peer. */
export type FailureReason =
  /** It has a wrong length, trailing bytes or a duplicate extension. */
  | "malformed"
  | "unexpectedMessage"
  | "version"
  | "compression"
  | "cipherSuite"
  | "group"
  | "signatureScheme"
  /** An extension that was not offered, or one with a wrong value. */
  | "extension"
  | "extendedMasterSecret"
  /** renegotiation_info that is not empty. */
  | "renegotiation"
  /** No use_srtp, no profile in common, or one that was not offered. */
  | "srtpProfile"
  /** No certificate, or one whose public key is of no known type. */
  | "certificate"
  /** A certificate other than the one that was signaled. */
  | "fingerprint"
  /** The server asks for no certificate, or for none like ours. */
  | "certificateRequest"
  | "keyShare"
  | "signature"
  | "finished";

/** The alert that tells the peer. */
export const alertOf: Readonly<Record<FailureReason, number>> = {
  malformed: alert.decodeError,
  unexpectedMessage: alert.unexpectedMessage,
  version: alert.protocolVersion,
  compression: alert.illegalParameter,
  cipherSuite: alert.handshakeFailure,
  group: alert.handshakeFailure,
  signatureScheme: alert.handshakeFailure,
  extension: alert.unsupportedExtension,
  extendedMasterSecret: alert.handshakeFailure,
  renegotiation: alert.handshakeFailure,
  srtpProfile: alert.handshakeFailure,
  certificate: alert.unsupportedCertificate,
  fingerprint: alert.badCertificate,
  certificateRequest: alert.handshakeFailure,
  keyShare: alert.illegalParameter,
  signature: alert.decryptError,
  finished: alert.decryptError,
};
