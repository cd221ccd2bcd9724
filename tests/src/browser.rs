//! A real Chromium, driven through its own driver on a free port.
//!
//! What is waited for is waited for by the driver, up to a limit; nothing here counts seconds.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use fantoccini::actions::{InputSource, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::runtime::Runtime;

/// How often a driver is started that finds its port taken.
const DRIVER_TRIES: u32 = 10;

/// How a browser is opened.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Width of the window.
    pub width: u32,
    /// Height of the window.
    pub height: u32,
    /// Whether pages may run scripts.
    pub has_script: bool,
}

impl Look {
    /// A desk with a large screen.
    pub const WIDE: Look = Look { width: 1440, height: 900, has_script: true };
    /// A phone in a dispatcher's hand.
    pub const NARROW: Look = Look { width: 390, height: 844, has_script: true };
}

/// A browser at one console.
pub struct Browser {
    client: Client,
    driver: Child,
    origin: String,
    runtime: Arc<Runtime>,
}

impl Browser {
    /// Opens a browser for the console at `address`. `None`, with a word about it, where no driver is installed; with
    /// `CI` set that is a failure.
    ///
    /// # Panics
    /// When the browser does not start.
    pub fn open(address: &str, look: Look, runtime: &Arc<Runtime>) -> Option<Self> {
        let driver = (0..DRIVER_TRIES).find_map(|_| start_driver().transpose()).expect("the driver says its port");
        let (driver, port) = match driver {
            Ok(driver) => driver,
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "the pages need chromedriver: {error}");
                println!("left out: no chromedriver here ({error}); Debian has it in the package chromium-driver");
                return None;
            }
        };
        let url = format!("http://127.0.0.1:{port}");
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities(look));
        let client = runtime.block_on(builder.connect(&url)).expect("the browser starts");
        Some(Self { client, driver, origin: format!("http://{address}"), runtime: runtime.clone() })
    }

    /// Opens a page of the console.
    pub fn goto(&self, path: &str) {
        self.wait(self.client.goto(&format!("{}{path}", self.origin))).expect("the page opens");
    }

    /// Path and query of the page shown.
    pub fn path(&self) -> String {
        let url = self.wait(self.client.current_url()).expect("the browser knows where it is");
        url.as_str().trim_start_matches(&self.origin).to_owned()
    }

    /// Waits until there is something at `css`, and returns it.
    ///
    /// # Panics
    /// When it does not come.
    pub fn find(&self, css: &str) -> Element {
        let found = self.wait(self.client.wait().for_element(Locator::Css(css)));
        found.unwrap_or_else(|error| panic!("{css} on {}: {error}\n{}", self.path(), self.text("body")))
    }

    /// Whether there is something at `css` now.
    pub fn has(&self, css: &str) -> bool {
        !self.all(css).is_empty()
    }

    /// Whether what is at `css` can be seen now.
    pub fn shows(&self, css: &str) -> bool {
        self.all(css).first().is_some_and(|element| self.wait(element.is_displayed()).expect("the browser looks"))
    }

    /// Everything at `css` now.
    pub fn all(&self, css: &str) -> Vec<Element> {
        self.wait(self.client.find_all(Locator::Css(css))).expect("the browser looks")
    }

    /// The text shown at `css`.
    pub fn text(&self, css: &str) -> String {
        let element = self.wait(self.client.find(Locator::Css(css)));
        self.wait(element.unwrap_or_else(|error| panic!("{css} on {}: {error}", self.path())).text()).expect("a text")
    }

    /// The texts shown by everything at `css`.
    pub fn texts(&self, css: &str) -> Vec<String> {
        self.all(css).iter().map(|element| self.wait(element.text()).expect("a text")).collect()
    }

    /// Types into the field at `css`, in place of what stood there.
    pub fn fill(&self, css: &str, text: &str) {
        let field = self.find(css);
        self.wait(field.clear()).expect("the field empties");
        self.wait(field.send_keys(text)).expect("the field takes it");
    }

    /// Points at `css` with the mouse, clicks, and types: what hands do, where a field is seen but the driver says that it
    /// is not (in a box whose fold the page's style has lifted).
    pub fn type_at(&self, css: &str, text: &str) {
        let element = self.find(css);
        let mouse = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 })
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.wait(self.client.perform_actions(mouse)).expect("the mouse clicks");
        let keys = text.chars().fold(KeyActions::new("keys".to_owned()), |keys, value| {
            keys.then(KeyAction::Down { value }).then(KeyAction::Up { value })
        });
        self.wait(self.client.perform_actions(keys)).expect("the keys are pressed");
    }

    /// Chooses a file in the field at `css`.
    pub fn choose(&self, css: &str, file: &std::path::Path) {
        self.wait(self.find(css).send_keys(&file.display().to_string())).expect("the field takes a file");
    }

    /// Clicks what is at `css`.
    pub fn click(&self, css: &str) {
        self.press(&self.find(css));
    }

    /// Clicks `element`.
    pub fn press(&self, element: &Element) {
        self.wait(element.click()).expect("it can be clicked");
    }

    /// What a piece of script returns.
    pub fn script(&self, script: &str) -> serde_json::Value {
        self.wait(self.client.execute(script, Vec::new())).expect("the script runs")
    }

    /// The page as PNG.
    pub fn picture(&self) -> Vec<u8> {
        self.wait(self.client.screenshot()).expect("a picture can be taken")
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Closing the session ends the browser; killing the driver alone would leave it behind.
        let _ = self.runtime.block_on(self.client.clone().close());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Starts the driver, which chooses a port and says so; `None` when the port was taken by another driver meanwhile.
fn start_driver() -> std::io::Result<Option<(Child, u16)>> {
    let mut driver =
        Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let output = BufReader::new(driver.stdout.take().expect("its output is piped"));
    let said = "ChromeDriver was started successfully on port ";
    let port = output.lines().map_while(Result::ok).find_map(|line| line.strip_prefix(said).map(str::to_owned));
    match port.and_then(|port| port.trim_end_matches('.').parse().ok()) {
        Some(port) => Ok(Some((driver, port))),
        None => {
            driver.wait()?;
            Ok(None)
        }
    }
}

fn capabilities(look: Look) -> Capabilities {
    let args = [
        "--headless=new".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-gpu".to_owned(),
        "--lang=en".to_owned(),
        format!("--window-size={},{}", look.width, look.height),
    ];
    let scripts = if look.has_script { 1 } else { 2 };
    let options = json!({
        "args": args,
        "prefs": { "profile.managed_default_content_settings.javascript": scripts },
        // A window narrower than a desktop window may be is emulated.
        "mobileEmulation": { "deviceMetrics": { "width": look.width, "height": look.height, "pixelRatio": 1.0, "mobile": false, "touch": false } },
    });
    let mut capabilities = Capabilities::new();
    capabilities.insert("browserName".to_owned(), json!("chrome"));
    // A page on loopback that takes longer hangs.
    capabilities.insert("timeouts".to_owned(), json!({ "pageLoad": 20_000 }));
    capabilities.insert("goog:chromeOptions".to_owned(), options);
    capabilities
}
