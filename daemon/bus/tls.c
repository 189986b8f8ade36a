#include "bus/tls.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <mosquitto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tls {
    SSL_CTX *ctx;
    char *host;
    bool by_address; /* host is an IP address: there is no name to ask for */
    char complaint[200];
};

static const char *remedy(int code)
{
    switch (code) {
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "give the authority that signed it in mqtt.ca_file";
    case X509_V_ERR_CERT_HAS_EXPIRED: return "renew it at the broker; is this host's clock right?";
    case X509_V_ERR_CERT_NOT_YET_VALID: return "is this host's clock right?";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "give the broker in mqtt.url by a name that stands in its certificate";
    default: return "mend the broker's certificate";
    }
}

static int ex_index(void)
{
    static int index = -1; /* one thread; see tls.h */
    if (index < 0)
        index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    return index;
}

/* OpenSSL has decided; we only keep the first reason. */
static int on_verified(int fine, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *t = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ex_index());
    int code = X509_STORE_CTX_get_error(store);
    if (!fine && !t->complaint[0])
        (void)snprintf(t->complaint, sizeof(t->complaint),
                "its certificate is not believed: %s; %s", X509_verify_cert_error_string(code),
                remedy(code));
    return fine;
}

/*
 * The library asks for the certificate of the host that it connects to, and that is an address;
 * the name that we mean is put in its place before the first packet.
 */
static void on_state(const SSL *ssl, int where, int ret)
{
    struct tls *t = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ex_index());
    if (where & SSL_CB_HANDSHAKE_START)
        SSL_set_tlsext_host_name((SSL *)ssl, t->by_address ? NULL : t->host);
    bool fatal = ret >> 8 == SSL3_AL_FATAL; /* RFC 8446, section 6 */
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && fatal && !t->complaint[0])
        (void)snprintf(t->complaint, sizeof(t->complaint),
                "it says '%s' to our handshake; does it want a client's certificate "
                "(mqtt.cert_file), or another one?",
                SSL_alert_desc_string_long(ret));
}

static int unusable(const char *key, const char *file, struct err *e)
{
    unsigned long code = ERR_peek_last_error();
    const char *why = access(file, R_OK) < 0 ? err_name(errno) : ERR_reason_error_string(code);
    ERR_clear_error();
    return err_set(e, -EINVAL, "mqtt.%s: %s cannot be used (%s)", key, file, why ? why : "unknown");
}

static int load_files(struct tls *t, const struct conf_mqtt *conf, struct err *e)
{
    ERR_clear_error();
    if (conf->ca_file && SSL_CTX_load_verify_file(t->ctx, conf->ca_file) != 1)
        return unusable("ca_file", conf->ca_file, e);
    if (!conf->ca_file && SSL_CTX_set_default_verify_paths(t->ctx) != 1)
        return err_set(e, -EINVAL,
                "this host has no certificates of authorities; install "
                "ca-certificates, or give mqtt.ca_file");
    if (!conf->cert_file)
        return 0;
    if (SSL_CTX_use_certificate_chain_file(t->ctx, conf->cert_file) != 1)
        return unusable("cert_file", conf->cert_file, e);
    if (SSL_CTX_use_PrivateKey_file(t->ctx, conf->key_file, SSL_FILETYPE_PEM) != 1)
        return unusable("key_file", conf->key_file, e);
    if (SSL_CTX_check_private_key(t->ctx) != 1)
        return err_set(e, -EINVAL, "mqtt.key_file: %s is not the key of %s", conf->key_file,
                conf->cert_file);
    return 0;
}

/* What every certificate is checked against. */
static int expect(struct tls *t)
{
    unsigned char address[sizeof(struct in6_addr)];
    t->by_address =
            inet_pton(AF_INET, t->host, address) == 1 || inet_pton(AF_INET6, t->host, address) == 1;
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(t->ctx);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return t->by_address ? X509_VERIFY_PARAM_set1_ip_asc(param, t->host)
                         : X509_VERIFY_PARAM_set1_host(param, t->host, 0);
}

struct tls *tls_new(const struct conf_mqtt *conf, const char *host, struct err *e)
{
    struct tls *t = mem_new(1, sizeof(*t));
    t->host = mem_strdup(host);
    t->ctx = mem_check(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_ex_data(t->ctx, ex_index(), t);
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, on_verified);
    SSL_CTX_set_info_callback(t->ctx, on_state);
    int r = load_files(t, conf, e);
    if (r == 0 && expect(t) != 1)
        r = err_set(e, -EINVAL, "'%s' is no name that a certificate can have", host);
    if (r == 0)
        return t;
    tls_free(t);
    return NULL;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    free(t->host);
    free(t);
}

int tls_attach(struct tls *t, struct mosquitto *client)
{
    /* Without the library's own ideas, among them its check of the address for the name. */
    int rc = mosquitto_int_option(client, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
    return rc == MOSQ_ERR_SUCCESS ? mosquitto_void_option(client, MOSQ_OPT_SSL_CTX, t->ctx) : rc;
}

const char *tls_complaint(const struct tls *t)
{
    return t->complaint;
}
