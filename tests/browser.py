"""A real browser for the tests of pages: Chromium without a window, through Selenium."""
import contextlib
import importlib.util
import shutil

import pytest

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
DRIVER = shutil.which('chromedriver')


def needs_a_browser(test):
    """Marks a test that is skipped where there is no browser to run it in."""
    lacking = [name for name, found in (
        ('chromium', CHROMIUM), ('chromedriver', DRIVER),
        ('selenium', importlib.util.find_spec('selenium'))) if not found]
    return pytest.mark.skipif(bool(lacking), reason='not installed: ' + ', '.join(lacking))(test)


@contextlib.contextmanager
def browser(downloads=None, size=(1280, 900)):
    """A Selenium driver of Chromium, which keeps what it downloads in the folder `downloads`."""
    from selenium import webdriver
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
                     '--window-size=%d,%d' % size):
        options.add_argument(argument)
    options.add_experimental_option('prefs', {'download.default_directory': str(downloads)})
    driver = webdriver.Chrome(service=webdriver.chrome.service.Service(DRIVER), options=options)
    try:
        driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
            'width': size[0], 'height': size[1], 'deviceScaleFactor': 1, 'mobile': size[0] < 500})
        yield driver
    finally:
        driver.quit()
