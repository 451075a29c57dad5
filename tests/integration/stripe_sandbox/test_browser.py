"""The hosted pages clicked through by a real browser."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from services.stripe_sandbox.testing import SandboxServer

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER), reason="no browser here: apt-get install chromium chromium-driver gives one"
    ),
]

MakeAccount = Callable[..., str]


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
    driver.set_page_load_timeout(20)
    yield driver
    driver.quit()


def fill(browser: webdriver.Chrome, **values: str) -> None:
    for name, value in values.items():
        field = browser.find_element(By.ID, name)
        field.clear()
        field.send_keys(value)


def click(browser: webdriver.Chrome, identifier: str) -> None:
    browser.find_element(By.ID, identifier).click()


def wait_for_url(browser: webdriver.Chrome, part: str) -> str:
    WebDriverWait(browser, 10).until(lambda driver: part in driver.current_url)
    return browser.current_url


def checkout(sandbox: SandboxServer, client: stripe.StripeClient) -> stripe.checkout.Session:
    """A session whose success address is of the sandbox itself, since there is no platform here to go back to."""
    customer = client.v1.customers.create({"email": "employer@example.com"})
    return client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "customer": customer.id,
            "currency": "usd",
            "success_url": f"{sandbox.url}/health/live?session={{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{sandbox.url}/health/ready?cancelled",
        }
    )


def test_a_card_is_saved(sandbox: SandboxServer, client: stripe.StripeClient, browser: webdriver.Chrome) -> None:
    session = checkout(sandbox, client)
    browser.get(session.url or "")
    fill(browser, cardNumber="4242 4242 4242 4242", cardExpiry="12 / 34", cardCvc="123")
    click(browser, "submit")
    assert wait_for_url(browser, "/health/live").endswith(f"session={session.id}")
    assert client.v1.checkout.sessions.retrieve(session.id).status == "complete"


def test_a_decline_is_shown_then_3d_secure_is_completed(
    sandbox: SandboxServer, client: stripe.StripeClient, browser: webdriver.Chrome
) -> None:
    session = checkout(sandbox, client)
    browser.get(session.url or "")
    fill(browser, cardNumber="4000 0000 0000 9995", cardExpiry="12 / 34", cardCvc="123")
    click(browser, "submit")
    WebDriverWait(browser, 10).until(lambda driver: driver.find_elements(By.ID, "error"))
    assert "insufficient funds" in browser.find_element(By.ID, "error").text
    fill(browser, cardNumber="4000 0027 6000 3184", cardExpiry="12 / 34", cardCvc="123")
    click(browser, "submit")
    wait_for_url(browser, "/3ds/")
    click(browser, "complete")
    wait_for_url(browser, "/health/live")
    assert client.v1.checkout.sessions.retrieve(session.id).status == "complete"


def test_a_purchase_is_paid_for(sandbox: SandboxServer, client: stripe.StripeClient, browser: webdriver.Chrome) -> None:
    item: Any = {
        "quantity": 2,
        "price_data": {"currency": "usd", "unit_amount": 6_000, "product_data": {"name": "Label <b>images</b>"}},
    }
    session = client.v1.checkout.sessions.create(
        {"mode": "payment", "line_items": [item], "success_url": f"{sandbox.url}/health/live?paid"}
    )
    browser.get(session.url or "")
    assert browser.find_element(By.ID, "items").text == "2 × Label <b>images</b> $120.00 usd"  # noqa: RUF001 - a multiplication sign
    assert browser.find_element(By.ID, "submit").text == "Pay $120.00 usd"
    fill(browser, cardNumber="4242 4242 4242 4242", cardExpiry="12 / 34", cardCvc="123")
    click(browser, "submit")
    wait_for_url(browser, "/health/live?paid")
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_the_cancel_link_leads_back(
    sandbox: SandboxServer, client: stripe.StripeClient, browser: webdriver.Chrome
) -> None:
    browser.get(checkout(sandbox, client).url or "")
    click(browser, "cancel")
    wait_for_url(browser, "cancelled")


def test_onboarding_is_submitted_as_it_is_filled_in(
    sandbox: SandboxServer, client: stripe.StripeClient, browser: webdriver.Chrome, make_account: MakeAccount
) -> None:
    account = make_account(onboard=False)
    details: Any = {
        "refresh_url": f"{sandbox.url}/health/ready?refresh",
        "return_url": f"{sandbox.url}/health/live?returned",
    }
    link = client.v2.core.account_links.create(
        {"account": account, "use_case": {"type": "account_onboarding", "account_onboarding": details}}
    )
    browser.get(link.url)
    click(browser, "submit")
    wait_for_url(browser, "returned")
    assert client.v1.accounts.retrieve(account).payouts_enabled is True


def test_every_field_has_a_label(
    sandbox: SandboxServer, client: stripe.StripeClient, browser: webdriver.Chrome
) -> None:
    browser.get(checkout(sandbox, client).url or "")
    fields = browser.find_elements(By.TAG_NAME, "input")
    assert len(fields) == 4
    assert all(browser.find_elements(By.CSS_SELECTOR, f'label[for="{field.get_attribute("id")}"]') for field in fields)
