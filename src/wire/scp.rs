//! Drives one acceptor over one connection and hands what arrives to the keeper.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use smol::unblock;

use crate::base::receipt::Receipt;
use crate::base::time::Clock;
use crate::dicom::acceptor::{
    Acceptor, AcceptorSettings, Action, AssociationRequest, Input, Oddity, StoreRequest,
};
use crate::dicom::pdu::Rejection;
use crate::dicom::status::Refusal;
use crate::wire::link::{Link, LinkEvent, StopSignal};

/// Who was let in, as the keeper knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The caller's name in the settings; `None` for one that they do not name.
    pub caller: Option<String>,
    /// What the association said.
    pub request: AssociationRequest,
    /// Where it came from.
    pub peer: IpAddr,
    /// What the keeper tells its associations apart by.
    pub association: u64,
}

/// How an association ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssociationEnd {
    /// A-RELEASE: the sender says that it is done.
    Released,
    /// Everything else.
    Broken,
}

/// What stands behind the listener: the box's vault, or the folder of a sink.
///
/// [`Keeper::begin`] and the methods of [`Intake`] may block; they run on the blocking pool.
pub trait Keeper: Send + Sync + 'static {
    /// Decides about an association, at once and without blocking.
    ///
    /// # Errors
    ///
    /// Why it is rejected, as PS3.8 9.3.4 says it.
    fn admit(&self, peer: IpAddr, request: &AssociationRequest) -> Result<Admitted, Rejection>;

    /// Starts to keep an object.
    ///
    /// # Errors
    ///
    /// Why not, as the peer will hear it.
    fn begin(&self, from: &Admitted, request: &StoreRequest) -> Result<Box<dyn Intake>, Refusal>;

    /// Something odd was tolerated.
    fn note(&self, peer: IpAddr, oddity: &Oddity);

    /// An association that was let in is over.
    fn ended(&self, from: &Admitted, end: AssociationEnd);
}

/// One object on its way in. Dropping it rolls it back.
pub trait Intake: Send {
    /// Takes the next bytes of the data set.
    ///
    /// # Errors
    ///
    /// Why the object is refused; nothing of it is kept.
    fn append(&mut self, bytes: &[u8]) -> Result<(), Refusal>;

    /// Makes it durable.
    ///
    /// # Errors
    ///
    /// Why the object is refused; nothing of it is kept.
    fn seal(self: Box<Self>) -> Result<Receipt, Refusal>;
}

/// How one connection is served.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The acceptor's.
    pub acceptor: AcceptorSettings,
    /// Set once an association stands.
    pub is_associated: Arc<AtomicBool>,
}

/// Whether the object under way has its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    No,
    Yes,
}

/// Whether the connection lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    GoesOn,
    Over,
}

/// What one connection holds between two events.
struct Session {
    keeper: Arc<dyn Keeper>,
    peer: IpAddr,
    admitted: Option<Admitted>,
    intake: Option<Box<dyn Intake>>,
    answered: Answered,
    is_associated: Arc<AtomicBool>,
}

/// Serves one connection until it ends.
///
/// A slow or silent peer costs one socket and one buffer, never a thread: only work on whole
/// buffers goes to the blocking pool.
pub async fn serve(
    mut link: Link,
    keeper: Arc<dyn Keeper>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    stop: StopSignal,
) {
    let mut acceptor = Acceptor::new(clock.now(), settings.acceptor);
    let mut session = Session {
        keeper: Arc::clone(&keeper),
        peer: link.peer(),
        admitted: None,
        intake: None,
        answered: Answered::No,
        is_associated: settings.is_associated,
    };
    let (never, unheard) = smol::channel::bounded(1);
    let mut signal = &stop;
    loop {
        let event = link.event(&*clock, acceptor.deadline(), signal).await;
        let input = match event {
            LinkEvent::Bytes(count) => Input::Received(link.bytes(count)),
            LinkEvent::Closed => Input::Closed,
            LinkEvent::Timeout => Input::Timeout,
            LinkEvent::Stop => {
                // Told once: what is under way is finished, then the acceptor closes.
                signal = &unheard;
                Input::Shutdown
            }
        };
        let actions = acceptor.step(clock.now(), input);
        let flow = session.perform(&mut acceptor, actions, &mut link, &*clock).await;
        if flow == Flow::Over || event == LinkEvent::Closed {
            break;
        }
    }
    drop(never);
    drop(session.intake.take());
    if let Some(admitted) = &session.admitted {
        let end =
            if acceptor.is_released() { AssociationEnd::Released } else { AssociationEnd::Broken };
        keeper.ended(admitted, end);
    }
}

impl Session {
    /// Does all that the acceptor asks for, and what follows from the answers.
    async fn perform(
        &mut self,
        acceptor: &mut Acceptor,
        mut actions: Vec<Action>,
        link: &mut Link,
        clock: &dyn Clock,
    ) -> Flow {
        while !actions.is_empty() {
            let mut input = None;
            let mut rest = std::mem::take(&mut actions).into_iter().peekable();
            while let Some(action) = rest.next() {
                match action {
                    Action::Send(bytes) => {
                        if link.send(&bytes).await.is_err() {
                            return Flow::Over;
                        }
                    }
                    Action::Indicate(request) => input = Some(self.indicate(*request)),
                    Action::Close => return Flow::Over,
                    Action::Note(oddity) => self.keeper.note(self.peer, &oddity),
                    Action::Begin(_) | Action::Data(_) | Action::End | Action::Drop(_) => {
                        let mut run = vec![action];
                        while let Some(next) = rest.next_if(is_about_an_object) {
                            run.push(next);
                        }
                        // One list has one object's answer at most.
                        input = self.keep(run).await.or(input);
                    }
                }
            }
            if let Some(input) = input {
                actions = acceptor.step(clock.now(), input);
            }
        }
        Flow::GoesOn
    }

    fn indicate(&mut self, request: AssociationRequest) -> Input<'static> {
        match self.keeper.admit(self.peer, &request) {
            Ok(admitted) => {
                self.admitted = Some(admitted);
                self.is_associated.store(true, Ordering::Relaxed);
                Input::Accept
            }
            Err(rejection) => Input::Reject(rejection),
        }
    }

    /// Hands a run of actions about objects to the blocking pool, in one go.
    async fn keep(&mut self, run: Vec<Action>) -> Option<Input<'static>> {
        let (keeper, admitted) = (Arc::clone(&self.keeper), self.admitted.clone()?);
        let (mut intake, mut answered) = (self.intake.take(), self.answered);
        let work = move || {
            let mut answer = None;
            for action in run {
                if let Action::Begin(_) = action {
                    answered = Answered::No;
                }
                if answered == Answered::Yes {
                    // The peer will hear of the refusal; the rest of the object is thrown away.
                    continue;
                }
                if let Some(given) = take(&*keeper, &admitted, &mut intake, action) {
                    answered = Answered::Yes;
                    answer = Some(given);
                }
            }
            (intake, answered, answer)
        };
        let answer;
        (self.intake, self.answered, answer) = unblock(work).await;
        answer
    }
}

fn is_about_an_object(action: &Action) -> bool {
    matches!(action, Action::Begin(_) | Action::Data(_) | Action::End | Action::Drop(_))
}

/// Does one step for the object under way; returns the answer to it, once there is one.
fn take(
    keeper: &dyn Keeper,
    admitted: &Admitted,
    intake: &mut Option<Box<dyn Intake>>,
    action: Action,
) -> Option<Input<'static>> {
    match action {
        Action::Begin(request) => match keeper.begin(admitted, &request) {
            Ok(begun) => {
                *intake = Some(begun);
                None
            }
            Err(refusal) => Some(Input::Refused(refusal)),
        },
        Action::Data(bytes) => {
            let refusal = intake.as_mut()?.append(&bytes).err()?;
            *intake = None;
            Some(Input::Refused(refusal))
        }
        // I2: the success exists only because of the receipt.
        Action::End => Some(match intake.take()?.seal() {
            Ok(receipt) => Input::Stored(receipt),
            Err(refusal) => Input::Refused(refusal),
        }),
        Action::Drop(_) => {
            *intake = None;
            None
        }
        Action::Send(_) | Action::Indicate(_) | Action::Close | Action::Note(_) => None,
    }
}
