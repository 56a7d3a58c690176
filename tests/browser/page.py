"""What a person does on the review page: open it, press keys, read what is said."""

from __future__ import annotations

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

_PATIENCE_SECONDS = 40


class ReviewPage:
    """The page in a browser. `open` begins as somebody whom the browser does not know."""

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver

    def open(self, address: str, name: str) -> None:
        """Open it and say who judges; wait for the first call."""
        self.driver.get(address)
        self.driver.execute_script("localStorage.clear()")
        self.driver.get(address)
        self.wait(lambda: self.find("ask-name").get_attribute("open") is not None)
        self.find("name").send_keys(name + Keys.ENTER)
        self.wait_for_picture()

    def find(self, name: str):
        return self.driver.find_element(By.ID, name)

    def wait(self, condition) -> None:
        WebDriverWait(self.driver, _PATIENCE_SECONDS, poll_frequency=0.05).until(lambda _: condition())

    def wait_for_picture(self) -> None:
        """Until the picture is that of the call in the heading."""
        script = """const shown = document.querySelector('#picture:not(.waits) svg > title');
            return shown !== null && shown.textContent === document.getElementById('place').textContent"""
        self.wait(lambda: self.driver.execute_script(script))

    @property
    def place(self) -> str:
        return self.find("place").text

    @property
    def said(self) -> str:
        return self.find("said").text

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def judge(self, *keys: str) -> str:
        """Press keys, the last a verdict's; returns the place that was judged once the next call is there."""
        judged, before = self.place, self.driver.current_url
        self.press(*keys)
        self.wait(lambda: self.driver.current_url != before)
        self.wait_for_picture()
        return judged

    def pressed(self, attribute: str) -> list[str]:
        """Verdicts or tags whose buttons are pressed. attribute: data-verdict or data-tag."""
        buttons = self.driver.find_elements(By.CSS_SELECTOR, f"[{attribute}][aria-pressed=true]")
        return [button.get_attribute(attribute) for button in buttons]
