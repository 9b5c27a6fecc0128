/** For a page's start: takes the server's addresses out of every answer, as a network does that lets neither UDP nor TCP through. */
export function withoutCandidates(): void {
  const original = RTCPeerConnection.prototype.setRemoteDescription;
  const changed = function (this: RTCPeerConnection, description: RTCSessionDescriptionInit): Promise<void> {
    const { type, sdp = "" } = description;
    return Reflect.apply(original, this, [{ type, sdp: sdp.replaceAll(/a=candidate.*\r\n/g, "") }]);
  };
  Object.assign(RTCPeerConnection.prototype, { setRemoteDescription: changed });
}
