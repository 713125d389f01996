//! How an association is opened: what we reject ourselves, what we ask, what we accept.

use dicom_ul::pdu::{AssociationAC, Pdu, PresentationContextResult, UserVariableItem};

use crate::base::aet::AeTitle;
use crate::base::limits::ARTIM;
use crate::base::time::Instant;
use crate::dicom::acceptor::{Acceptor, Action, AssociationRequest, Break, Oddity, Purpose, User};
use crate::dicom::association::{Event, Step};
use crate::dicom::context::{Answer, Slips, agreed, is_storage, negotiate};
use crate::dicom::implementation::{IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION};
use crate::dicom::pdu::associate::{AssociateRq, read_rq};
use crate::dicom::pdu::{APPLICATION_CONTEXT, Abort, Rejection, encode, fragment_bytes};
use crate::dicom::syntax::IMPLICIT_LE;

impl Acceptor {
    /// Takes an A-ASSOCIATE-RQ: rejects it, or asks the driver.
    pub(super) fn request(&mut self, now: Instant, body: &[u8], out: &mut Vec<Action>) {
        let request = match read_rq(body) {
            Ok(request) => request,
            Err(error) => {
                let oddity = Oddity::Associate(error);
                let broken = Break::provider(oddity, Abort::INVALID_PARAMETER);
                return self.break_off(now, broken, out);
            }
        };
        if request.ignored != 0 {
            out.push(Action::Note(Oddity::IgnoredItems(request.ignored)));
        }
        match self.judge(&request, out) {
            Ok(indication) => {
                self.take(Event::RqPdu, out);
                out.push(Action::Indicate(Box::new(indication)));
            }
            Err(rejection) => {
                out.push(Action::Note(Oddity::Rejected(rejection)));
                // The provider's own rejections end in Sta13 at once, the user's by way of Sta3.
                if rejection.source == 1 {
                    self.take(Event::RqPdu, out);
                    self.reject(now, rejection, out);
                } else {
                    self.take(Event::UnacceptableRqPdu, out);
                    self.send_rejection(now, rejection, out);
                }
            }
        }
    }

    pub(super) fn accept(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.take(Event::AssociateAccept, out) == Some(Step::Ae7) {
            self.heard = now;
            out.push(Action::Send(std::mem::take(&mut self.answer)));
        }
    }

    pub(super) fn reject(&mut self, now: Instant, rejection: Rejection, out: &mut Vec<Action>) {
        if self.take(Event::AssociateReject, out) == Some(Step::Ae8) {
            self.send_rejection(now, rejection, out);
        }
    }

    fn send_rejection(&mut self, now: Instant, rejection: Rejection, out: &mut Vec<Action>) {
        out.push(Action::Send(rejection.encode()));
        self.artim = now.after(ARTIM);
    }

    /// Finds what no driver needs to be asked about, and prepares the answer.
    fn judge(
        &mut self,
        request: &AssociateRq,
        out: &mut Vec<Action>,
    ) -> Result<AssociationRequest, Rejection> {
        if self.finish_by.is_some() {
            return Err(Rejection::CONGESTION);
        }
        if request.protocol_version & 1 == 0 {
            return Err(Rejection::PROTOCOL_VERSION);
        }
        let context = request.application_context.as_ref();
        if context.is_none_or(|context| context.as_str() != APPLICATION_CONTEXT) {
            return Err(Rejection::APPLICATION_CONTEXT);
        }
        let called = AeTitle::parse(&request.called).map_err(|error| {
            out.push(Action::Note(Oddity::CalledTitle(error)));
            Rejection::CALLED_UNKNOWN
        })?;
        let calling = AeTitle::parse(&request.calling).map_err(|error| {
            out.push(Action::Note(Oddity::CallingTitle(error)));
            Rejection::CALLING_UNKNOWN
        })?;
        if request.contexts.is_empty() {
            return Err(Rejection::NOTHING_PROPOSED);
        }
        self.fragment_bytes = fragment_bytes(request.user.max_length, self.settings.max_pdu)
            .ok_or(Rejection::NO_REASON)?;
        let (answers, slips) = negotiate(request);
        if slips != Slips::default() {
            out.push(Action::Note(Oddity::Contexts(slips)));
        }
        self.contexts = agreed(&answers);
        self.answer = self.write_answer(&called, &calling, &answers);
        Ok(AssociationRequest {
            calling,
            called,
            implementation_class: request.user.implementation_class.clone(),
            implementation_version: request.user.implementation_version.clone(),
            proposed: answers.len(),
            accepted: self.contexts.len(),
            purpose: self.purpose(),
            user: request.user.identity.map_or(User::Absent, User::Named),
        })
    }

    fn purpose(&self) -> Purpose {
        if self.contexts.values().any(|agreed| is_storage(&agreed.class)) {
            Purpose::Storage
        } else if self.contexts.is_empty() {
            Purpose::Nothing
        } else {
            Purpose::Verification
        }
    }

    /// Writes the A-ASSOCIATE-AC. What we do not support is left out: no 53H is a window of 1,
    /// no 54H are the default roles, no 59H is an identity that was not looked at.
    fn write_answer(&self, called: &AeTitle, calling: &AeTitle, answers: &[Answer]) -> Vec<u8> {
        let result = |answer: &Answer| PresentationContextResult {
            id: answer.id,
            reason: answer.verdict.clone(),
            // Not significant in a refusal, but readers want one to be there.
            transfer_syntax: answer
                .agreed
                .as_ref()
                .map_or(IMPLICIT_LE, |agreed| agreed.transfer_syntax.as_str())
                .to_owned(),
        };
        encode(&Pdu::AssociationAC(AssociationAC {
            protocol_version: 1,
            calling_ae_title: calling.as_str().to_owned(),
            called_ae_title: called.as_str().to_owned(),
            application_context_name: APPLICATION_CONTEXT.to_owned(),
            presentation_contexts: answers.iter().map(result).collect(),
            user_variables: vec![
                UserVariableItem::MaxLength(self.settings.max_pdu),
                UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS.to_owned()),
                UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION.to_owned()),
            ],
        }))
    }
}
