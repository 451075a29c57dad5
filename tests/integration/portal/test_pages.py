"""What people and operators see at the front door."""

import re
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait


def test_the_start_page_says_what_this_is_and_how_the_services_are(door: httpx.Client) -> None:
    page = door.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "Milestone payments" in page.text
    assert page.text.count("● ready") == 3
    assert '<a class="first" href="/docs">' in page.text


def test_every_link_of_the_start_page_leads_somewhere_here(door: httpx.Client) -> None:
    links = re.findall(r'href="([^"]+)"', door.get("/").text)
    # The toys have no countries; everything else is the door's own.
    own = [link for link in links if link != "/v1/payout-countries"]
    assert len(own) >= 5
    assert [link for link in own if door.get(link).status_code != 200] == []


def test_nothing_is_fetched_from_elsewhere(door: httpx.Client) -> None:
    for path in ("/", "/docs"):
        page = door.get(path)
        assert re.findall(r'(?:src|href)="(?:https?:)?//', page.text) == []
        assert page.headers["content-security-policy"].startswith("default-src 'self'")


@pytest.mark.parametrize("name", ["swagger-ui-bundle.js", "swagger-ui.css", "start.js", "favicon.png"])
def test_the_reader_of_the_documentation_is_served_from_here(door: httpx.Client, name: str) -> None:
    assert len(door.get(f"/docs/{name}").content) > 100


@pytest.mark.parametrize("name", ["other.js", "..%2Fapp.py", "redoc.standalone.js"])
def test_no_other_file_is(door: httpx.Client, name: str) -> None:
    assert door.get(f"/docs/{name}").status_code == 404


def test_the_joined_document_has_the_calls_of_all(door: httpx.Client) -> None:
    document = door.get("/v1/openapi.json").json()
    assert {"/v1/contracts", "/v1/funding/known", "/v1/stripe_gateway/known"} <= set(document["paths"])
    assert "/webhooks/stripe" not in document["paths"]


def test_health_and_figures_are_the_doors_own(door: httpx.Client) -> None:
    door.get("/v1/contracts/ctr_1")
    assert door.get("/health/live").json() == {"live": True}
    assert door.get("/health/ready").json() == {
        "routes": True,
        "unknown": [],
        "services": {"contracts": True, "funding": True, "stripe_gateway": True},
    }
    figures = door.get("/metrics").text
    assert 'tranche_http_seconds_count{method="GET",route="/v1/contracts/{contract_id}",status="200"}' in figures


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    chromium, driver = which("chromium"), which("chromedriver")
    if not (chromium and driver):
        pytest.skip("needs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield found
    found.quit()


@pytest.mark.browser
def test_a_person_reads_the_documentation_without_the_internet(door: httpx.Client, browser: webdriver.Chrome) -> None:
    browser.get(f"{str(door.base_url).rstrip('/')}/docs")
    WebDriverWait(browser, 20).until(lambda found: found.find_elements(By.CSS_SELECTOR, ".opblock-summary-path"))
    paths = [found.text for found in browser.find_elements(By.CSS_SELECTOR, ".opblock-summary-path")]
    assert "/v1/contracts" in [path.replace("\u200b", "") for path in paths]
    assert [line for line in browser.get_log("browser") if line["level"] == "SEVERE"] == []
