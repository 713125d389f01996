//! `scanpost sink`: a plain receiver into a folder that can be told to be away, slow or refusing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_signal::{Signal, Signals};
use smol::Executor;
use smol::future::or;
use smol::stream::StreamExt;

use crate::base::receipt::Receipt;
use crate::base::time::Clock;
use crate::board::clock::BoardClock;
use crate::board::entropy::KernelRng;
use crate::cli::Done;
use crate::cli::terminal::{self, Failure};
use crate::dicom::acceptor::{AssociationRequest, Oddity, StoreRequest};
use crate::dicom::part10::FileMeta;
use crate::dicom::pdu::Rejection;
use crate::dicom::status::{Refusal, Status};
use crate::store::folder::{Folder, Part};
use crate::wire::listen;
use crate::wire::scp::{Admitted, AssociationEnd, Intake, Keeper};

#[derive(Debug, clap::Args)]
pub(super) struct Sink {
    /// The port to listen on.
    #[arg(long)]
    port: u16,
    /// The folder to write files to.
    #[arg(long)]
    out: PathBuf,
    /// The address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// Be away for this many seconds first.
    #[arg(long, default_value_t = 0)]
    away: u64,
    /// Take this many milliseconds longer over each object.
    #[arg(long, default_value_t = 0)]
    slow: u64,
    /// Answer every object with this status, as in A700 or C000, and keep nothing.
    #[arg(long, value_parser = status)]
    refuse: Option<Status>,
}

fn status(text: &str) -> Result<Status, String> {
    let code = u16::from_str_radix(text, 16).ok().filter(|code| *code != 0);
    code.map(Status).ok_or_else(|| "a status is four hex digits, as in A700, and not 0000".into())
}

/// Keeps everything that anybody sends.
struct Bin {
    folder: Folder,
    slow: Duration,
    refuse: Option<Status>,
}

struct Item {
    part: Part,
    slow: Duration,
}

pub(super) fn run(verb: Sink) -> Done {
    smol::block_on(sink(verb))
}

async fn sink(verb: Sink) -> Done {
    let folder = Folder::open(&verb.out)
        .map_err(|error| Failure::because("the folder cannot be used", &error))?;
    let slow = Duration::from_millis(verb.slow);
    let keeper = Arc::new(Bin { folder, slow, refuse: verb.refuse });
    if 0 < verb.away {
        terminal::say(&format!("away for {} s", verb.away));
        smol::Timer::after(Duration::from_secs(verb.away)).await;
    }
    let mut signals = Signals::new([Signal::Term, Signal::Int])
        .map_err(|error| Failure::because("signals cannot be heard", &error))?;
    let address = SocketAddr::from((verb.address, verb.port));
    let listener = listen::bind(address)
        .await
        .map_err(|error| Failure::because(&format!("port {} cannot be had", verb.port), &error))?;
    terminal::say(&format!("listening on {address}"));
    let clock: Arc<dyn Clock> = Arc::new(BoardClock::new(&mut KernelRng));
    let executor = Arc::new(Executor::new());
    let (stop, stopped) = smol::channel::bounded::<()>(1);
    let serving = listen::listen(listener, keeper, clock, stopped, Arc::clone(&executor));
    executor
        .run(or(serving, async {
            signals.next().await;
            drop(stop);
        }))
        .await;
    Ok(())
}

impl Keeper for Bin {
    fn admit(&self, peer: IpAddr, request: &AssociationRequest) -> Result<Admitted, Rejection> {
        Ok(Admitted { caller: None, request: request.clone(), peer, association: 0 })
    }

    fn begin(&self, from: &Admitted, request: &StoreRequest) -> Result<Box<dyn Intake>, Refusal> {
        if let Some(status) = self.refuse {
            return Err(Refusal::new(status, "this sink was told to refuse"));
        }
        let meta = FileMeta {
            sop_class: request.sop_class.clone(),
            sop_instance: request.sop_instance.clone(),
            transfer_syntax: request.transfer_syntax.clone(),
            source: Some(from.request.calling.clone()),
        };
        let part = self.folder.begin(&meta.to_bytes()).map_err(|error| full(&error))?;
        Ok(Box::new(Item { part, slow: self.slow }))
    }

    fn note(&self, _peer: IpAddr, _oddity: &Oddity) {}

    fn ended(&self, _from: &Admitted, _end: AssociationEnd) {}
}

impl Intake for Item {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.part.append(bytes).map_err(|error| full(&error))
    }

    #[expect(clippy::disallowed_methods, reason = "being slow is what it was told to do")]
    fn seal(self: Box<Self>) -> Result<Receipt, Refusal> {
        std::thread::sleep(self.slow);
        self.part.finish().map_err(|error| full(&error))
    }
}

fn full(error: &std::io::Error) -> Refusal {
    terminal::say(&format!("an object could not be written: {error}"));
    Refusal::new(Status::OUT_OF_RESOURCES, "the sink could not write it")
}
