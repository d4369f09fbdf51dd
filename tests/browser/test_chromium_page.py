"""The browser that the other tests look through sees errors and requests."""

import pytest


def test_a_quiet_page_is_quiet(chromium_page, tmp_path):
    page = tmp_path / "quiet.html"
    page.write_text("<title>Quiet</title><p>Nothing to report</p>")
    assert chromium_page.open(page).title() == "Quiet"
    chromium_page.assert_quiet()
    assert chromium_page.requests == [page.as_uri()]


def test_console_errors_and_exceptions_are_recorded(chromium_page, tmp_path):
    page = tmp_path / "loud.html"
    page.write_text("<script>console.error('said'); throw new Error('thrown')</script>")
    chromium_page.open(page)
    assert chromium_page.errors == ["said", "thrown"]
    with pytest.raises(AssertionError):
        chromium_page.assert_quiet()


def test_a_request_that_would_leave_the_machine_is_recorded(chromium_page, tmp_path):
    page = tmp_path / "calls-out.html"
    page.write_text("<img src='http://elsewhere.invalid/pixel.png'>")
    chromium_page.open(page)
    assert chromium_page.foreign_requests == ["http://elsewhere.invalid/pixel.png"]
    chromium_page.requests.clear()
