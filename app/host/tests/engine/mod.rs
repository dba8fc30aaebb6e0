//! A guest made of functions: PID 1's control port, an engine that speaks just enough HTTP, forwarding and publishing,
//! each behind the real handshake.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
    routing::{get, post},
};
use berth_api::{BerthHome, Client, Share};
use berth_host::machine::ChooseDriver;
use berth_machine::{
    Channel, Driver,
    fake::{FakeDriver, FakeGuest, GuestContext},
    framing,
};
use berth_protocol::{
    boot::BootConfig,
    control, forward,
    handshake::{ANSWER_LEN, Challenge},
    port,
    publish::{self, Ask, Publication, Transport},
};
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{mpsc, watch},
};
use tower::ServiceExt;

/// An ask of the engine to the host, and where its answer goes.
type Asked = (Ask, mpsc::UnboundedSender<publish::Outcome>);

/// What a test tells the guest, and learns from it.
#[derive(Clone)]
pub struct Guest {
    /// The API port listens only once this is true.
    pub engine_up: watch::Sender<bool>,
    /// What PID 1 reports.
    pub report: Arc<Mutex<control::Report>>,
    /// The guest was told to end.
    pub told_to_end: Arc<AtomicBool>,
    asks: mpsc::UnboundedSender<Asked>,
    asked: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Asked>>>,
    /// Where the host said it listens now, without having been asked; read before its next answer.
    pub moved: Arc<Mutex<Vec<publish::Moved>>>,
    /// The machine's context, once something connected.
    pub context: Arc<Mutex<Option<GuestContext>>>,
}

impl Guest {
    pub fn new() -> Self {
        let (asks, asked) = mpsc::unbounded_channel();
        let step = |name: &str| control::Step { name: name.into(), micros: 1500, error: None };
        let report = control::Report {
            agent: "0.1.0".into(),
            kernel: "6.12.0-test".into(),
            kernel_micros: 900_000,
            steps: vec![step("modules"), step("disk"), step("network"), step("engine")],
            engine_restarts: 0,
        };
        Self {
            engine_up: watch::channel(true).0,
            report: Arc::new(Mutex::new(report)),
            told_to_end: Arc::default(),
            asks,
            asked: Arc::new(tokio::sync::Mutex::new(asked)),
            moved: Arc::default(),
            context: Arc::default(),
        }
    }

    /// A driver of machines that run this guest.
    pub fn driver(&self) -> ChooseDriver {
        let driver: Arc<dyn Driver> = Arc::new(FakeDriver::new(self.listeners()));
        Arc::new(move || {
            let driver = Arc::clone(&driver);
            Box::pin(async move { Ok(driver) })
        })
    }

    /// Asks the host over the publish stream and gives its answer.
    pub async fn ask(&self, ask: Ask) -> publish::Outcome {
        let (answer, mut answered) = mpsc::unbounded_channel();
        self.asks.send((ask, answer)).expect("the guest lives");
        answered.recv().await.expect("the host answers")
    }

    fn listeners(&self) -> FakeGuest {
        let (control, api, publish) = (self.clone(), self.clone(), self.clone());
        FakeGuest::default()
            .listen(port::CONTROL, move |channel, context| {
                let guest = control.clone();
                async move {
                    *guest.context.lock().unwrap() = Some(context.clone());
                    if let Some(channel) = open(channel, &context, port::CONTROL).await {
                        guest.control(channel, &context).await;
                    }
                }
            })
            .listen(port::API, move |channel, context| {
                let mut up = api.engine_up.subscribe();
                async move {
                    up.wait_for(|up| *up).await.expect("the guest lives");
                    let Some(channel) = open(channel, &context, port::API).await else { return };
                    let router = engine();
                    let service = hyper::service::service_fn(move |request| router.clone().oneshot(request));
                    let mut server = hyper::server::conn::http1::Builder::new();
                    server.half_close(true);
                    // A client that leaves early is no failure of the test.
                    drop(server.serve_connection(TokioIo::new(channel), service).with_upgrades().await);
                }
            })
            .listen(port::FORWARD, |channel, context| async move {
                if let Some(mut channel) = open(channel, &context, port::FORWARD).await {
                    let mut header = [0; forward::HEADER_LEN];
                    channel.read_exact(&mut header).await.unwrap();
                    let (_, target) = forward::parse(&header).unwrap();
                    channel.write_u8(forward::CONNECTED).await.unwrap();
                    let page = format!("container at {target}");
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len());
                    channel.write_all(answer.as_bytes()).await.unwrap();
                    let mut rest = Vec::new();
                    drop(channel.read_to_end(&mut rest).await);
                }
            })
            .listen(port::PUBLISH, move |channel, context| {
                let guest = publish.clone();
                async move {
                    if let Some(channel) = open(channel, &context, port::PUBLISH).await {
                        guest.publish(channel).await;
                    }
                }
            })
    }

    async fn control(&self, mut channel: Box<dyn Channel>, context: &GuestContext) {
        while let Ok(Some(request)) = framing::read(&mut channel).await {
            let reply = match request {
                control::Request::Report => control::Reply::Report(self.report.lock().unwrap().clone()),
                control::Request::SetClock { .. } => control::Reply::Clock { moved_nanos: 0 },
                control::Request::Shutdown { .. } => control::Reply::ShuttingDown,
            };
            framing::write(&mut channel, &reply).await.unwrap();
            if reply == control::Reply::ShuttingDown {
                self.told_to_end.store(true, Ordering::SeqCst);
                context.power_off();
            }
        }
    }

    async fn publish(&self, mut channel: Box<dyn Channel>) {
        let mut asked = self.asked.lock().await;
        let mut id = 0;
        while let Some((ask, answer)) = asked.recv().await {
            id += 1;
            framing::write(&mut channel, &publish::Request { id, ask }).await.unwrap();
            let reply = loop {
                match framing::read(&mut channel).await.unwrap().expect("the host answers") {
                    publish::Answer::Reply(reply) => break reply,
                    publish::Answer::Moved(moved) => self.moved.lock().unwrap().extend(moved),
                    publish::Answer::Routes(_) => {}
                }
            };
            assert_eq!(reply.id, id);
            answer.send(reply.outcome).unwrap();
        }
    }
}

/// The guest's half of the handshake, with the secret of the machine's own `boot.json`.
async fn open(mut channel: Box<dyn Channel>, context: &GuestContext, port: u32) -> Option<Box<dyn Channel>> {
    let challenge = Challenge::new([port.to_be_bytes()[3]; 32]);
    channel.write_all(&challenge.to_bytes()).await.ok()?;
    let mut answer = [0; ANSWER_LEN];
    channel.read_exact(&mut answer).await.ok()?;
    let (verdict, result) = challenge.judge(&boot_config(context).secret, port, &answer);
    channel.write_all(&verdict).await.ok()?;
    result.ok().map(|()| channel)
}

/// `boot.json` as it stands in the archive behind the initramfs.
pub fn boot_config(context: &GuestContext) -> BootConfig {
    let archive = &context.spec().initramfs_extra;
    let start = archive.iter().position(|byte| *byte == b'{').expect("the archive holds JSON");
    let mut values = serde_json::Deserializer::from_slice(&archive[start..]).into_iter();
    values.next().expect("there is a value").expect("it is a boot configuration")
}

/// An engine with a page, and a connection that is taken over and sent back in capitals.
fn engine() -> Router {
    Router::new()
        .route("/_ping", get(async || "OK"))
        .route("/version", get(async || axum::Json(serde_json::json!({"Version": "0.1.0-test"}))))
        .route("/hello", get(async || "hello from the guest"))
        .route("/upgrade", post(upgrade))
}

async fn upgrade(mut request: Request<Body>) -> Response<Body> {
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgraded.await.unwrap());
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        bytes.make_ascii_uppercase();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    response.header("connection", "Upgrade").header("upgrade", "tcp").body(Body::empty()).unwrap()
}

/// What ships, in small.
pub fn share(folder: &Path) -> Share {
    let entry = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.join(name), bytes).unwrap();
        serde_json::json!({"size": bytes.len(), "sha256": hex::encode(Sha256::digest(bytes))})
    };
    let files = serde_json::json!({"vmlinux": entry("vmlinux", b"k"), "initramfs.zst": entry("initramfs.zst", b"i")});
    std::fs::write(folder.join("manifest.json"), serde_json::json!({"files": files}).to_string()).unwrap();
    Share::at(folder)
}

/// A berthd in this process, over a real socket.
pub struct Berthd {
    pub client: Client,
    pub home: BerthHome,
    pub run: tokio::task::JoinHandle<Result<(), berth_host::daemon::DaemonError>>,
    pub instance: berth_host::instance::Instance,
    _folder: Option<tempfile::TempDir>,
}

impl Berthd {
    pub async fn start(driver: ChooseDriver) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let started = Self::start_in(folder.path(), driver).await;
        Self { _folder: Some(folder), ..started }
    }

    /// One in a folder that an earlier one may have left.
    pub async fn start_in(folder: &Path, driver: ChooseDriver) -> Self {
        let home = BerthHome::at(folder.join("home"));
        std::fs::create_dir_all(home.root()).unwrap();
        let settings = home.root().join("settings.json");
        if !settings.exists() {
            // A disk of the default size would be sparse, but not every file system of a test machine allows it.
            std::fs::write(settings, r#"{"disk_bytes": 1048576}"#).unwrap();
        }
        let share = share(folder);
        let instance = berth_host::instance::Instance::acquire(&home).unwrap();
        let run = tokio::spawn(berth_host::daemon::run(home.clone(), share, driver));
        let client = Client::new(home.clone());
        while berth_api::local::connect(&home).await.is_err() {
            assert!(!run.is_finished(), "berthd ended: {:?}", run.await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self { client, home, run, instance, _folder: None }
    }

    /// Sends raw bytes over the socket, ends the writing side, and reads to the end.
    pub async fn raw(&self, request: &str) -> String {
        let mut stream = berth_api::local::connect(&self.home).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }
}

pub fn publication(container: &str, host_port: u16) -> Publication {
    Publication {
        container: container.into(),
        name: format!("name-of-{container}"),
        host_ip: None,
        host_port,
        host_port_last: None,
        target: "172.17.0.2:80".parse().unwrap(),
        transport: Transport::Tcp,
    }
}
