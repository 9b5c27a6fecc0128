// A DTLS peer made with pion: it prints the SRTP profile and the keying material (RFC 5764), and waits for its end.
// usage: pion-peer client|server PORT CERTIFICATE KEY [MODE]; modes: nocookie, mtu, noems, sha1
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/pion/dtls/v2"
)

func main() {
	role, port, mode := os.Args[1], os.Args[2], ""
	if len(os.Args) > 5 {
		mode = os.Args[5]
	}
	certificate, err := tls.LoadX509KeyPair(os.Args[3], os.Args[4])
	check(err)
	config := &dtls.Config{
		Certificates:           []tls.Certificate{certificate},
		InsecureSkipVerify:     true,
		ClientAuth:             dtls.RequireAnyClientCert,
		ExtendedMasterSecret:   dtls.RequireExtendedMasterSecret,
		SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80},
	}
	switch mode {
	case "nocookie":
		config.InsecureSkipVerifyHello = true
	case "mtu":
		config.MTU = 200
	case "noems":
		config.ExtendedMasterSecret = dtls.DisableExtendedMasterSecret
	case "sha1":
		config.SRTPProtectionProfiles = config.SRTPProtectionProfiles[1:]
	}

	address, err := net.ResolveUDPAddr("udp", "127.0.0.1:"+port)
	check(err)
	conn, err := connect(role, address, config)
	check(err)
	state := conn.ConnectionState()
	profile, _ := conn.SelectedSRTPProtectionProfile()
	length := 56
	if profile == dtls.SRTP_AES128_CM_HMAC_SHA1_80 {
		length = 60
	}
	material, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, length)
	check(err)
	fmt.Printf("profile %d\nKeying material: %X\n", profile, material)
	if bufio.NewScanner(os.Stdin).Scan() {
		check(conn.Close())
	}
}

func connect(role string, address *net.UDPAddr, config *dtls.Config) (*dtls.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if role == "client" {
		socket, err := net.DialUDP("udp", nil, address)
		check(err)
		return dtls.ClientWithContext(ctx, socket, config)
	}
	listener, err := dtls.Listen("udp", address, config)
	check(err)
	fmt.Println("ready")
	conn, err := listener.Accept()
	if err != nil {
		return nil, err
	}
	return conn.(*dtls.Conn), nil
}

func check(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}
