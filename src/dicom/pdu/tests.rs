//! Goal: where `dicom_ul` reads a request, we read the same; where it gives up, we do not, and
//! nothing panics. Method: generated requests, spoiled ones, every truncation, every cut.

use dicom_ul::pdu::{
    AssociationAC, AssociationRQ, PDataValue, PDataValueType, PresentationContextProposed,
    PresentationContextResult, PresentationContextResultReason, RequestorRoles, UserIdentity,
    UserIdentityType, UserVariableItem, read_pdu,
};
use proptest::prelude::*;

use super::associate::{Associate, AssociateAc, AssociateError, AssociateRq, read_ac, read_rq};
use super::frames::{Frame, FrameError, Frames, Piece};
use super::*;
use crate::base::uid::Uid;
use crate::dicom::peer::{self, Rq};

/// What both readers see of a request, in one form.
#[derive(Debug, PartialEq)]
struct Seen<C> {
    version: u16,
    titles: [String; 2],
    application: Option<Uid>,
    contexts: Vec<C>,
    max_length: Option<u32>,
    class: Option<Uid>,
    roles: Vec<(Uid, bool, bool)>,
    has_identity: bool,
}

fn title(bytes: &[u8]) -> String {
    let text: String = bytes.iter().copied().map(char::from).collect();
    text.trim().to_owned()
}

fn uid(text: &str) -> Option<Uid> {
    Uid::parse(text.as_bytes()).ok()
}

fn see<C, T>(ours: &Associate<C>, context: impl Fn(&C) -> T) -> Seen<T> {
    let roles = ours.user.roles.iter();
    Seen {
        version: ours.protocol_version,
        titles: [title(&ours.called), title(&ours.calling)],
        application: ours.application_context.clone(),
        contexts: ours.contexts.iter().map(context).collect(),
        max_length: ours.user.max_length,
        class: ours.user.implementation_class.clone(),
        roles: roles.map(|r| (r.class.clone(), r.scu, r.scp)).collect(),
        has_identity: ours.user.identity.is_some(),
    }
}

type SeenProposed = (u8, Option<Uid>, Vec<Uid>);

fn see_ours(ours: &AssociateRq) -> Seen<SeenProposed> {
    see(ours, |c| (c.id, c.abstract_syntax.clone(), c.transfer_syntaxes.clone()))
}

fn see_answer(ours: &AssociateAc) -> Seen<(u8, u8, Option<Uid>)> {
    see(ours, |c| (c.id, c.result, c.transfer_syntax.clone()))
}

fn see_user<C>(variables: &[UserVariableItem], seen: Seen<C>) -> Seen<C> {
    let mut seen = seen;
    for variable in variables {
        match variable {
            UserVariableItem::MaxLength(length) => seen.max_length = Some(*length),
            UserVariableItem::ImplementationClassUID(class) => seen.class = uid(class),
            UserVariableItem::ScuScpRoleSelectionSubItem(class, roles) => {
                seen.roles.push((uid(class).unwrap(), roles.scu, roles.scp));
            }
            UserVariableItem::UserIdentityItem(_) => seen.has_identity = true,
            UserVariableItem::Unknown(..)
            | UserVariableItem::ImplementationVersionName(_)
            | UserVariableItem::SopClassExtendedNegotiationSubItem(..) => {}
        }
    }
    seen
}

fn see_theirs(theirs: &AssociationRQ) -> Seen<SeenProposed> {
    let context = |c: &PresentationContextProposed| {
        let syntaxes = c.transfer_syntaxes.iter().filter_map(|text| uid(text)).collect();
        (c.id, uid(&c.abstract_syntax), syntaxes)
    };
    let seen = Seen {
        version: theirs.protocol_version,
        titles: [&theirs.called_ae_title, &theirs.calling_ae_title].map(Clone::clone),
        application: uid(&theirs.application_context_name),
        contexts: theirs.presentation_contexts.iter().map(context).collect(),
        max_length: None,
        class: None,
        roles: Vec::new(),
        has_identity: false,
    };
    see_user(&theirs.user_variables, seen)
}

fn any_uid() -> impl Strategy<Value = String> {
    "[1-9](\\.[0-9]{1,4}){1,9}"
}

fn any_title() -> impl Strategy<Value = String> {
    "[A-Z][A-Z0-9_ ]{0,14}[A-Z]"
}

fn any_user() -> impl Strategy<Value = Vec<UserVariableItem>> {
    let roles = (any_uid(), any::<bool>(), any::<bool>()).prop_map(|(class, scu, scp)| {
        UserVariableItem::ScuScpRoleSelectionSubItem(class, RequestorRoles { scu, scp })
    });
    let identity = prop::collection::vec(any::<u8>(), 0..20).prop_map(|secret| {
        let kind = UserIdentityType::UsernamePassword;
        UserVariableItem::UserIdentityItem(UserIdentity::new(true, kind, b"u".to_vec(), secret))
    });
    let optional = (prop::option::of(identity), prop::collection::vec(roles, 0..3));
    (any::<u32>(), any_uid(), optional).prop_map(|(length, class, (identity, roles))| {
        let mut items = vec![
            UserVariableItem::MaxLength(length),
            UserVariableItem::ImplementationClassUID(class),
            UserVariableItem::ImplementationVersionName("V1".to_owned()),
        ];
        items.extend(identity);
        items.extend(roles);
        items
    })
}

prop_compose! {
    fn any_request()(
        protocol_version: u16,
        calling_ae_title in any_title(),
        called_ae_title in any_title(),
        application_context_name in any_uid(),
        contexts in prop::collection::vec(
            (any::<u8>(), any_uid(), prop::collection::vec(any_uid(), 0..4)), 0..6),
        user_variables in any_user(),
    ) -> AssociationRQ {
        let propose = |(id, abstract_syntax, transfer_syntaxes)| PresentationContextProposed {
            id, abstract_syntax, transfer_syntaxes,
        };
        AssociationRQ {
            protocol_version, calling_ae_title, called_ae_title, application_context_name,
            presentation_contexts: contexts.into_iter().map(propose).collect(), user_variables,
        }
    }
}

fn theirs(bytes: &[u8]) -> Option<AssociationRQ> {
    match read_pdu(bytes, 1 << 20, false) {
        Ok(Some(Pdu::AssociationRQ(request))) => Some(request),
        _ => None,
    }
}

proptest! {
    #[test]
    fn a_request_is_read_as_dicom_ul_reads_it(request in any_request()) {
        let bytes = encode(&Pdu::AssociationRQ(request));
        let ours = read_rq(&bytes[6..]).unwrap();
        prop_assert_eq!(see_ours(&ours), see_theirs(&theirs(&bytes).unwrap()));
        prop_assert_eq!(ours.ignored, 0);
    }

    #[test]
    fn a_spoiled_request_is_read_as_dicom_ul_reads_it_wherever_that_does(
        request in any_request(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encode(&Pdu::AssociationRQ(request));
        let header = 6;
        for (at, value) in flips {
            let at = header + at.index(bytes.len() - header);
            bytes[at] = value;
        }
        let ours = read_rq(&bytes[header..]);
        // What one reader counts as ignored the other takes, or reads on at a wrong place.
        if let (Some(theirs), Ok(ours)) = (theirs(&bytes), &ours)
            && ours.ignored == 0
        {
            prop_assert_eq!(see_ours(ours).contexts, see_theirs(&theirs).contexts);
            prop_assert_eq!(see_ours(ours).max_length, see_theirs(&theirs).max_length);
            prop_assert_eq!(see_ours(ours).titles, see_theirs(&theirs).titles);
        }
    }

    #[test]
    fn an_answer_is_read_as_dicom_ul_reads_it(
        (called, calling) in (any_title(), any_title()),
        contexts in prop::collection::vec((any::<u8>(), 0..5_u8, any_uid()), 0..6),
        user_variables in any_user(),
    ) {
        use PresentationContextResultReason as Reason;
        let answer = |(id, result, transfer_syntax): (u8, u8, String)| PresentationContextResult {
            id,
            reason: [
                Reason::Acceptance, Reason::UserRejection, Reason::NoReason,
                Reason::AbstractSyntaxNotSupported, Reason::TransferSyntaxesNotSupported,
            ][usize::from(result)].clone(),
            transfer_syntax,
        };
        let ac = AssociationAC {
            protocol_version: 1,
            calling_ae_title: calling,
            called_ae_title: called,
            application_context_name: APPLICATION_CONTEXT.to_owned(),
            presentation_contexts: contexts.into_iter().map(answer).collect(),
            user_variables,
        };
        let bytes = encode(&Pdu::AssociationAC(ac.clone()));
        let results = ac.presentation_contexts.iter();
        let results = results.map(|c| (c.id, c.reason.clone() as u8, uid(&c.transfer_syntax)));
        let wanted = see_user(&ac.user_variables, Seen {
            version: 1,
            titles: [ac.called_ae_title.clone(), ac.calling_ae_title.clone()],
            application: uid(APPLICATION_CONTEXT),
            contexts: results.collect(),
            max_length: None,
            class: None,
            roles: Vec::new(),
            has_identity: false,
        });
        prop_assert_eq!(see_answer(&read_ac(&bytes[6..]).unwrap()), wanted);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut body = Rq::default().body();
        body.truncate(68);
        body.extend(&bytes);
        let (_rq, _ac) = (read_rq(&body), read_ac(&body));
        let mut frames = Frames::new(1024);
        frames.push(&bytes);
        while let Ok(Some(_)) = frames.next_frame() {}
    }
}

#[test]
fn a_truncated_request_is_an_error_or_lacks_whole_items() {
    let body = Rq::default().body();
    let whole = read_rq(&body).unwrap();
    for end in 0..body.len() {
        match read_rq(&body[..end]) {
            Err(AssociateError::Short { length }) => assert!(length == end && end < 68),
            Err(AssociateError::ItemBeyond { .. }) => assert!(68 < end),
            Ok(part) => assert!(part != whole && part.ignored == 0, "cut at {end}"),
        }
    }
}

#[test]
fn of_duplicates_the_first_counts_and_the_rest_is_counted() {
    let request = Rq {
        more: [peer::item(0x10, b"1.2"), peer::item(0x50, b"")].concat(),
        ..Rq::default().with_user(&peer::item(0x51, &[0, 0, 1, 0]))
    };
    let read = read_rq(&request.body()).unwrap();
    assert_eq!(read.application_context, uid(APPLICATION_CONTEXT));
    assert_eq!(read.user.max_length, Some(16_384));
    assert_eq!(read.ignored, 3);
}

#[test]
fn an_answer_may_leave_out_the_syntax_of_what_it_refuses() {
    let ac = peer::ac(&[peer::answered(1, 3, None)], b"");
    assert!(read_pdu(ac.as_slice(), 1 << 20, false).is_err(), "dicom_ul refuses it whole");
    let read = read_ac(&ac[6..]).unwrap();
    assert_eq!((read.contexts[0].result, &read.contexts[0].transfer_syntax), (3, &None));
}

/// All that comes out of the cutter, pieces of one PDV joined.
fn cut_up(segments: &[&[u8]]) -> Result<Vec<Frame>, FrameError> {
    let mut frames = Frames::new(1024);
    let mut out: Vec<Frame> = Vec::new();
    for segment in segments {
        frames.push(segment);
        while let Some(frame) = frames.next_frame()? {
            match (out.last_mut(), frame) {
                (Some(Frame::Piece(last)), Frame::Piece(next)) if next.opens.is_none() => {
                    last.bytes.extend(next.bytes);
                    last.place = next.place;
                }
                (_, frame) => out.push(frame),
            }
        }
    }
    Ok(out)
}

#[test]
fn a_stream_is_cut_the_same_wherever_its_segments_end() {
    let two = [peer::pdv(1, 3, b"command"), peer::pdv(1, 0, b"data set")].concat();
    let bytes = [peer::pdu(4, &two), peer::pdu(4, b""), peer::release(), peer::data(1, 2, b"")];
    let bytes = bytes.concat();
    let whole = cut_up(&[&bytes]).unwrap();
    assert_eq!(whole.len(), 4 + 2 + 1 + 1);
    for cut in 0..=bytes.len() {
        assert_eq!(cut_up(&[&bytes[..cut], &bytes[cut..]]).unwrap(), whole, "cut at {cut}");
    }
    let single: Vec<_> = bytes.chunks(1).collect();
    assert_eq!(cut_up(&single).unwrap(), whole);
}

#[test]
fn data_goes_on_before_its_pdu_is_whole() {
    let mut frames = Frames::new(1024);
    frames.push(&peer::data(1, 2, b"some data")[..16]);
    assert!(matches!(frames.next_frame(), Ok(Some(Frame::Header(_)))));
    let piece = Piece {
        context: 1,
        part: Part::DataSet,
        opens: Some(9),
        bytes: b"some".to_vec(),
        place: Place::Inner,
    };
    assert_eq!(frames.next_frame(), Ok(Some(Frame::Piece(piece))));
    assert_eq!(frames.next_frame(), Ok(None));
    assert!(frames.is_amid());
}

#[test]
fn small_pdus_have_a_limit_of_their_own() {
    let mut frames = Frames::new(1024);
    frames.push(&[5, 0, 0, 1, 0, 0]);
    assert!(matches!(frames.next_frame(), Ok(Some(Frame::Header(_)))));
    let (kind, length) = (5, 0x1_0000);
    assert_eq!(frames.next_frame(), Err(FrameError::TooLong { kind, length }));
}

#[test]
fn what_we_write_dicom_ul_reads() {
    let read = |bytes: &[u8]| read_pdu(bytes, 1 << 20, true).unwrap().unwrap();
    assert_eq!(read(&release_rq()), Pdu::ReleaseRQ);
    assert_eq!(read(&release_rp()), Pdu::ReleaseRP);
    let rejections = [
        Rejection::NO_REASON,
        Rejection::APPLICATION_CONTEXT,
        Rejection::CALLING_UNKNOWN,
        Rejection::CALLED_UNKNOWN,
        Rejection::NOTHING_PROPOSED,
        Rejection::PROTOCOL_VERSION,
        Rejection::CONGESTION,
        Rejection::LOCAL_LIMIT,
    ];
    for rejection in rejections {
        let bytes = rejection.encode();
        assert!(matches!(read(&bytes), Pdu::AssociationRJ(_)));
        assert_eq!(Rejection::read(&bytes[6..]), Some(rejection));
    }
    for abort in [Abort::USER, Abort::NOT_SPECIFIED, Abort::INVALID_PARAMETER] {
        let bytes = abort.encode();
        assert!(matches!(read(&bytes), Pdu::AbortRQ { .. }));
        assert_eq!(Abort::read(&bytes[6..]), abort);
    }
    let mut bytes = Vec::new();
    write_data(&mut bytes, 5, Part::DataSet, Place::Last, b"data");
    let value = PDataValue {
        presentation_context_id: 5,
        value_type: PDataValueType::Data,
        is_last: true,
        data: b"data".to_vec(),
    };
    assert_eq!(read(&bytes), Pdu::PData { data: vec![value] });
}

#[test]
fn fragments_are_even_and_fit_both_sides() {
    assert_eq!(fragment_bytes(None, 131_072), Some(131_066));
    assert_eq!(fragment_bytes(Some(0), 131_072), Some(131_066));
    assert_eq!(fragment_bytes(Some(65_535), 131_072), Some(65_528));
    assert_eq!(fragment_bytes(Some(u32::MAX), 131_072), Some(131_066));
    assert_eq!(fragment_bytes(Some(8), 131_072), Some(2));
    assert_eq!(fragment_bytes(Some(7), 131_072), None);
}
