"""HTTP to what runs on this machine."""

import ssl

from deploy.local.plain_http import NO_TLS, plain_client


def test_no_certificate_is_read_and_none_is_trusted() -> None:
    assert NO_TLS.cert_store_stats()["x509"] == 0
    assert NO_TLS.verify_mode is ssl.CERT_REQUIRED


def test_a_client_of_one_server_brings_its_token() -> None:
    with plain_client("http://127.0.0.1:1/v1", "a-token", timeout_s=2) as client:
        request = client.build_request("GET", "/contracts")
    assert str(request.url) == "http://127.0.0.1:1/v1/contracts"
    assert request.headers["Authorization"] == "Bearer a-token"
