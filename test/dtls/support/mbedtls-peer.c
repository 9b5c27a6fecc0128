/* A DTLS peer made with mbedTLS 2.28: it prints the SRTP profile and the keying material (RFC 5764), and waits for its end.
 * usage: mbedtls-peer client|server PORT CERTIFICATE KEY [MODE]; modes: cookie, mtu, mki, noems */
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cookie.h>
#include <mbedtls/timing.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned char master[48], randoms[64];
static mbedtls_tls_prf_types prf;

static int keep_secrets(void *context, const unsigned char *secret, const unsigned char *block, size_t mac, size_t key,
                        size_t iv, const unsigned char client[32], const unsigned char server[32],
                        mbedtls_tls_prf_types type) {
  memcpy(master, secret, 48);
  memcpy(randoms, client, 32);
  memcpy(randoms + 32, server, 32);
  prf = type;
  return 0;
}

static int give_up(const char *what, int error) {
  char text[200];
  mbedtls_strerror(error, text, sizeof text);
  printf("%s: -0x%x %s\n", what, -error, text);
  return 1;
}

int main(int count, char **args) {
  if (count < 5) return 2;
  int server = !strcmp(args[1], "server"), error;
  const char *port = args[2], *mode = count > 5 ? args[5] : "";
  mbedtls_net_context listener, peer;
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_x509_crt certificate;
  mbedtls_pk_context key;
  mbedtls_ssl_config config;
  mbedtls_ssl_context ssl;
  mbedtls_ssl_cookie_ctx cookies;
  mbedtls_timing_delay_context timer;
  mbedtls_net_init(&listener);
  mbedtls_net_init(&peer);
  mbedtls_entropy_init(&entropy);
  mbedtls_ctr_drbg_init(&random);
  mbedtls_x509_crt_init(&certificate);
  mbedtls_pk_init(&key);
  mbedtls_ssl_config_init(&config);
  mbedtls_ssl_init(&ssl);
  mbedtls_ssl_cookie_init(&cookies);
  mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, 0, 0);
  mbedtls_ssl_cookie_setup(&cookies, mbedtls_ctr_drbg_random, &random);
  if ((error = mbedtls_x509_crt_parse_file(&certificate, args[3])) || (error = mbedtls_pk_parse_keyfile(&key, args[4], 0)))
    return give_up("files", error);

  mbedtls_ssl_config_defaults(&config, server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                              MBEDTLS_SSL_TRANSPORT_DATAGRAM, MBEDTLS_SSL_PRESET_DEFAULT);
  mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_OPTIONAL);
  mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
  mbedtls_ssl_conf_own_cert(&config, &certificate, &key);
  static const mbedtls_ssl_srtp_profile profiles[] = {MBEDTLS_TLS_SRTP_AES128_CM_HMAC_SHA1_80,
                                                      MBEDTLS_TLS_SRTP_AES128_CM_HMAC_SHA1_32, MBEDTLS_TLS_SRTP_UNSET};
  mbedtls_ssl_conf_dtls_srtp_protection_profiles(&config, profiles);
  mbedtls_ssl_conf_export_keys_ext_cb(&config, keep_secrets, 0);
  if (!strcmp(mode, "mki")) mbedtls_ssl_conf_srtp_mki_value_supported(&config, MBEDTLS_SSL_DTLS_SRTP_MKI_SUPPORTED);
  if (!strcmp(mode, "noems")) mbedtls_ssl_conf_extended_master_secret(&config, MBEDTLS_SSL_EXTENDED_MS_DISABLED);
  if (server && strcmp(mode, "cookie"))
    mbedtls_ssl_conf_dtls_cookies(&config, 0, 0, 0);
  else if (server)
    mbedtls_ssl_conf_dtls_cookies(&config, mbedtls_ssl_cookie_write, mbedtls_ssl_cookie_check, &cookies);
  if ((error = mbedtls_ssl_setup(&ssl, &config))) return give_up("setup", error);
  mbedtls_ssl_set_timer_cb(&ssl, &timer, mbedtls_timing_set_delay, mbedtls_timing_get_delay);
  if (!strcmp(mode, "mtu")) mbedtls_ssl_set_mtu(&ssl, 300);
  error = server ? mbedtls_net_bind(&listener, "127.0.0.1", port, MBEDTLS_NET_PROTO_UDP)
                 : mbedtls_net_connect(&peer, "127.0.0.1", port, MBEDTLS_NET_PROTO_UDP);
  if (error) return give_up("socket", error);
  printf("ready\n");
  fflush(stdout);

  do {
    if (server) {
      unsigned char address[16];
      size_t length;
      mbedtls_net_free(&peer);
      mbedtls_ssl_session_reset(&ssl);
      if ((error = mbedtls_net_accept(&listener, &peer, address, sizeof address, &length))) return give_up("accept", error);
      mbedtls_ssl_set_client_transport_id(&ssl, address, length);
    }
    mbedtls_ssl_set_bio(&ssl, &peer, mbedtls_net_send, mbedtls_net_recv, mbedtls_net_recv_timeout);
    do
      error = mbedtls_ssl_handshake(&ssl);
    while (error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE);
  } while (error == MBEDTLS_ERR_SSL_HELLO_VERIFY_REQUIRED);
  if (error) return give_up("handshake", error);

  mbedtls_dtls_srtp_info info;
  unsigned char material[60];
  mbedtls_ssl_get_dtls_srtp_negotiation_result(&ssl, &info);
  mbedtls_ssl_tls_prf(prf, master, 48, "EXTRACTOR-dtls_srtp", randoms, 64, material, sizeof material);
  printf("suite %s, profile %d\nKeying material: ", mbedtls_ssl_get_ciphersuite(&ssl), info.chosen_dtls_srtp_profile);
  for (size_t at = 0; at < sizeof material; at++) printf("%02x", material[at]);
  printf("\n");
  fflush(stdout);
  char line[8];
  if (fgets(line, sizeof line, stdin)) mbedtls_ssl_close_notify(&ssl);
  return 0;
}
