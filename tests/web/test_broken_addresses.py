"""Addresses that programs make up: none of them leads to another site or to a traceback."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from outreach.app import App
from outreach.models import Service
from tests.web.conftest import World


@pytest.mark.parametrize("path", ["/u/0.abc/", "/diensten/", "/privacy/", "/l/bcdfghjkmnpq/"])
def test_a_slash_too_many_is_no_redirect_to_what_the_host_header_says(browser: TestClient, path: str) -> None:
    for answer in (browser.post(path, headers={"host": "evil.example"}), browser.get(path)):
        assert answer.status_code in (404, 405)
        assert "location" not in answer.headers


PICTURES = ["pictures/\0.png", f"pictures/{'x' * 300}.png", "pictures/" + "y/" * 3000, "../x"]


@pytest.mark.parametrize("path", PICTURES)
def test_a_picture_that_no_file_system_takes_is_not_there(
    browser: TestClient, app: App, world: World, path: str
) -> None:
    with app.database.writing() as session:
        session.get_one(Service, world.service_id).picture = path
    assert browser.get("/beeld/groenonderhoud").status_code == 404
