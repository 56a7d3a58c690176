"""Makes docs/pictures/review-*.png and report-*.png anew: the pages about the demo's sample in a wide and a narrow window.

Run from the project's root after `pip install -e '.[test,report,serve]'`, with chromium and chromium-driver:
python docs/make_screenshots.py
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PICTURES = Path(__file__).with_name("pictures")
#: Name -> width and height of the window in pixels.
WINDOWS = {"wide": (1600, 900), "narrow": (400, 1000)}
_SWITCHES = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
_PROGRAM = [sys.executable, "-m", "vcffilter"]


def browser(folder: Path, size: tuple[int, int]) -> webdriver.Chrome:
    """Chromium that shows so many pixels."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for switch in (*_SWITCHES, f"--user-data-dir={folder}"):
        options.add_argument(switch)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    return driver


def keep(driver: webdriver.Chrome, name: str) -> None:
    """The window as a picture of 128 colours, which the pages do not exceed by much."""
    image = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    image.quantize(128, dither=Image.Dither.NONE).save(PICTURES / f"{name}.png", optimize=True)


def look_at_review(driver: webdriver.Chrome, address: str, name: str) -> None:
    """The review page at a call that fails, one tag set."""
    driver.get(address)
    driver.find_element(By.ID, "name").send_keys("A. Reviewer" + Keys.ENTER)
    wait = WebDriverWait(driver, 60)
    wait.until(lambda _: driver.find_elements(By.CSS_SELECTOR, "#picture:not(.waits) svg"))
    driver.execute_script("document.querySelector('[name=verdict]').value = 'fails';"
                          "document.querySelector('[name=order]').value = 'qual';"
                          "document.getElementById('filters').dispatchEvent(new Event('change'))")  # fmt: skip
    time.sleep(1.5)
    ActionChains(driver).send_keys("4").perform()
    wait.until(lambda _: driver.find_elements(By.CSS_SELECTOR, "#picture:not(.waits) svg"))
    keep(driver, f"review-{name}")


def main() -> None:
    """Make the sample, its report, the server, and look at both in both windows."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subprocess.run([*_PROGRAM, "demo", "-o", folder / "demo"], check=True, stdout=subprocess.DEVNULL)
        calls, reads = folder / "demo" / "filtered.vcf.gz", folder / "demo" / "reads.bam"
        files = [calls, "-b", reads, "-f", folder / "demo" / "reference.fa"]
        subprocess.run([*_PROGRAM, "report", *files, "-o", folder / "report.html", "-q"], check=True)
        server = subprocess.Popen([*_PROGRAM, "review", *files, "--port", "0"], stderr=subprocess.PIPE, text=True)
        try:
            said = ""
            while "Open " not in said:
                said = server.stderr.readline()
            address = re.search(r"http\S+", said)[0]
            for name, size in WINDOWS.items():
                driver = browser(folder / f"profile-{name}", size)
                look_at_review(driver, address, name)
                driver.get((folder / "report.html").as_uri())
                keep(driver, f"report-{name}")
                driver.quit()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
