//! Rows A1 to A42: what is proposed, and what we say to it.

use super::*;
use crate::base::aet::AeTitleError;
use crate::dicom::context::Slips;
use crate::dicom::peer::{CT, DICOM, EXPLICIT, IMPLICIT, VERIFICATION, context, item, roles};

const BIG: &[u8] = b"1.2.840.10008.1.2.2";

/// The results for these contexts.
fn results(contexts: &[Vec<u8>]) -> Vec<(u8, u8)> {
    let mut driver = Driver::new();
    driver.feed(&Rq::contexts(contexts).bytes()).results()
}

/// The transfer syntax that a context with these syntaxes is accepted with, or its result.
fn choice(syntaxes: &[&[u8]]) -> Result<String, u8> {
    let mut driver = Driver::new();
    let request = Rq::contexts(&[context(1, &[CT], syntaxes)]);
    let ac = driver.feed(&request.bytes()).ac();
    match &ac.contexts[..] {
        [answered] if answered.result == 0 => {
            Ok(answered.transfer_syntax.as_ref().unwrap().to_string())
        }
        [answered] => Err(answered.result),
        more => panic!("{} results", more.len()),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What we say to a request of these AE titles, and what the driver was asked.
fn titles(called: &[u8; 16], calling: &[u8; 16]) -> (String, Vec<AssociationRequest>) {
    let mut driver = Driver::new();
    let request = Rq { called: called.to_vec(), calling: calling.to_vec(), ..Rq::default() };
    driver.feed(&request.bytes());
    (driver.told(), driver.indicated)
}

#[test]
fn a01_128_contexts_get_one_result_each_in_the_order_proposed() {
    let ids: Vec<u8> = (1..=255).rev().step_by(2).collect();
    let contexts: Vec<_> = ids.iter().map(|id| context(*id, &[CT], &[EXPLICIT])).collect();
    let wanted: Vec<_> = ids.iter().map(|id| (*id, 0)).collect();
    assert_eq!(wanted.len(), 128);
    assert_eq!(results(&contexts), wanted);
}

#[test]
fn a02_of_two_contexts_with_one_id_the_first_counts() {
    let twice = [context(1, &[CT], &[IMPLICIT]), context(1, &[CT], &[BIG])];
    let mut driver = Driver::new();
    let ac = driver.feed(&Rq::contexts(&twice).bytes()).ac();
    assert_eq!(ac.contexts.len(), 1);
    let syntax = ac.contexts[0].transfer_syntax.as_ref().unwrap();
    assert_eq!(syntax.as_str().as_bytes(), IMPLICIT);
    let slips = Slips { repeated: 1, ..Slips::default() };
    assert_eq!(driver.notes, [Oddity::Contexts(slips)]);
}

#[test]
fn a03_an_even_id_is_accepted_and_noted() {
    let mut driver = Driver::new();
    driver.feed(&Rq::contexts(&[context(2, &[CT], &[EXPLICIT])]).bytes());
    assert_eq!(driver.results(), [(2, 0)]);
    let slips = Slips { even: 1, ..Slips::default() };
    assert_eq!(driver.notes, [Oddity::Contexts(slips)]);
}

#[test]
fn a04_id_0_is_refused_and_the_others_are_not() {
    let contexts = [0, 1].map(|id| context(id, &[CT], &[EXPLICIT]));
    assert_eq!(results(&contexts), [(0, 1), (1, 0)]);
}

#[test]
fn a05_contexts_beyond_the_128th_get_no_result() {
    let contexts: Vec<_> = (1..=140).map(|id| context(id, &[CT], &[EXPLICIT])).collect();
    let results = results(&contexts);
    assert_eq!(results.len(), 128);
    assert_eq!(results.last(), Some(&(128, 0)));
}

#[test]
fn a06_no_context_is_rejected() {
    assert_eq!(say(&Rq::contexts(&[]), &[]), "RJ 1/2/1");
}

#[test]
fn a07_a_blank_called_title_is_rejected() {
    for blank in [b" ", b"\0"] {
        let blank = blank.repeat(16).try_into().unwrap();
        let (said, asked) = titles(&blank, b"CT1             ");
        assert_eq!((said.as_str(), asked.len()), ("RJ 1/1/7", 0));
    }
}

#[test]
fn a08_padding_around_a_title_does_not_count_but_case_does() {
    let (said, asked) = titles(b" SCANPOST\0\0\0\0\0\0\0", b"  CT1\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(said, "AC");
    assert_eq!(asked[0].called.as_str(), "SCANPOST");
    assert_eq!(asked[0].calling.as_str(), "CT1");
    let (_, asked) = titles(b"scanpost        ", b"CT1             ");
    assert_eq!(asked[0].called.as_str(), "scanpost");
}

#[test]
fn a10_the_driver_may_reject_the_called_title() {
    let mut driver = Driver::new();
    driver.answer = Some(Rejection::CALLED_UNKNOWN);
    driver.feed(&Rq::default().bytes());
    assert_eq!(driver.told(), "RJ 1/1/7");
}

#[test]
fn a11_a_blank_calling_title_is_rejected() {
    let (said, asked) = titles(b"SCANPOST        ", &[b' '; 16]);
    assert_eq!((said.as_str(), asked.len()), ("RJ 1/1/3", 0));
}

#[test]
fn a12_a_calling_title_that_could_spoil_a_log_is_rejected() {
    for bad in [b"CT\x1b[2J", b"CT\xe9 12", b"CT\\1 2"] {
        let mut driver = Driver::new();
        let request = Rq { calling: [&bad[..], &[b' '; 10]].concat(), ..Rq::default() };
        driver.feed(&request.bytes());
        assert_eq!(driver.told(), "RJ 1/1/3");
        let byte = bad[2];
        assert_eq!(
            driver.notes,
            [
                Oddity::CallingTitle(AeTitleError::BadByte { byte }),
                Oddity::Rejected(Rejection::CALLING_UNKNOWN)
            ]
        );
    }
}

#[test]
fn a13_the_driver_may_reject_the_caller() {
    let mut driver = Driver::new();
    driver.answer = Some(Rejection::CALLING_UNKNOWN);
    driver.feed(&Rq::default().bytes());
    assert_eq!(driver.told(), "RJ 1/1/3");
    assert_eq!(driver.indicated[0].calling.as_str(), "CT1");
}

#[test]
fn a14_a_protocol_version_without_bit_0_is_rejected() {
    for version in [0, 2] {
        let request = Rq { version, ..Rq::default() };
        assert_eq!(say(&request, &[]), "RJ 1/2/2");
    }
}

#[test]
fn a15_protocol_version_3_is_accepted_as_version_1() {
    let mut driver = Driver::new();
    let request = Rq { version: 3, ..Rq::default() };
    assert_eq!(driver.feed(&request.bytes()).ac().protocol_version, 1);
}

fn application(value: &[u8]) -> Rq {
    Rq { application: item(0x10, value), ..Rq::default() }
}

#[test]
fn a16_a_wrong_application_context_is_rejected() {
    assert_eq!(say(&application(b"1.2.840.10008.3.1.1.2"), &[]), "RJ 1/1/2");
}

#[test]
fn a17_a_padded_application_context_is_accepted() {
    assert_eq!(say(&application(&[DICOM, b"\0"].concat()), &[]), "AC");
}

#[test]
fn a18_a_missing_application_context_is_rejected() {
    let request = Rq { application: Vec::new(), ..Rq::default() };
    assert_eq!(say(&request, &[]), "RJ 1/1/2");
}

#[test]
fn a19_maximum_length_0_is_unlimited() {
    assert_eq!(say(&Rq::max_length(0), &echo()), "AC 0000");
}

#[test]
fn a20_a_maximum_length_without_room_for_a_fragment_is_rejected() {
    for length in 1..=7 {
        assert_eq!(say(&Rq::max_length(length), &echo()), "RJ 1/1/1", "{length}");
    }
}

#[test]
fn a21_responses_are_cut_to_the_peers_maximum_length() {
    for length in [8, 9, 4096, 16 << 20, u32::MAX] {
        let mut driver = Driver::new();
        driver.feed(&Rq::max_length(length).bytes());
        assert_eq!(driver.told(), "AC");
        driver.feed(&echo());
        let mut rest = driver.sent.as_slice();
        while let Some((head, tail)) = rest.split_first_chunk::<6>() {
            let bytes = u32::from_be_bytes([head[2], head[3], head[4], head[5]]);
            assert!(bytes <= length && bytes % 2 == 0, "{bytes} for {length}");
            rest = &tail[bytes as usize..];
        }
        assert_eq!(driver.told(), "0000");
    }
}

#[test]
fn a22_missing_user_information_is_accepted() {
    let request = Rq { user: None, ..Rq::default() };
    assert_eq!(say(&request, &echo()), "AC 0000");
}

/// A user identity with a secret, a response wanted.
fn identity(kind: u8) -> Vec<u8> {
    let secret = if kind == 2 { &b"\x00\x06secret"[..] } else { &[0, 0] };
    item(0x58, &[&[kind, 1, 0, 4], &b"user"[..], secret].concat())
}

#[test]
fn a23_a_user_identity_is_accepted_unanswered_and_its_secret_is_not_kept() {
    for kind in 1..=5 {
        let mut driver = Driver::new();
        driver.feed(&Rq::default().with_user(&identity(kind)).bytes());
        assert_eq!(driver.indicated[0].user, User::Named(kind));
        assert!(!format!("{:?}", driver.indicated).contains("secret"));
        assert_eq!(driver.ac().ignored, 0, "59H would be counted as unknown");
    }
}

#[test]
fn a24_a_user_identity_of_an_unknown_type_is_ignored() {
    assert_eq!(say(&Rq::default().with_user(&identity(9)), &echo()), "AC 0000");
}

#[test]
fn a25_roles_stay_at_their_defaults_and_a_pure_scp_is_refused() {
    let with = |scu, scp| {
        let mut driver = Driver::new();
        driver.feed(&Rq::default().with_user(&roles(CT, scu, scp)).bytes());
        let ac = driver.ac();
        assert_eq!((ac.ignored, ac.user.roles.len()), (0, 0), "no 54H in the answer");
        ac.contexts[0].result
    };
    assert_eq!(with(1, 1), 0);
    assert_eq!(with(1, 0), 0);
    assert_eq!(with(0, 1), 1);
}

#[test]
fn a26_a_window_and_extended_negotiation_are_left_out_of_the_answer() {
    let class = [&[0, 25], CT, &[1, 0, 0]].concat();
    let items = [item(0x53, &[0, 8, 0, 8]), item(0x56, &class), item(0x57, &class)].concat();
    let mut driver = Driver::new();
    driver.feed(&Rq::default().with_user(&items).bytes());
    assert_eq!(driver.ac().ignored, 0, "53H, 56H, 57H would be counted as unknown");
}

#[test]
fn a27_an_unknown_item_is_ignored() {
    let request = Rq { more: item(0x77, b"whatever"), ..Rq::default() };
    assert_eq!(say(&request, &echo()), "AC 0000");
}

#[test]
fn a28_an_unknown_user_sub_item_is_ignored() {
    assert_eq!(say(&Rq::default().with_user(&item(0x5f, b"x")), &echo()), "AC 0000");
}

#[test]
fn a29_an_unknown_sub_item_in_a_context_is_ignored() {
    let mut value = vec![1, 0, 0, 0];
    for sub in [item(0x30, CT), item(0x42, b"?"), item(0x40, EXPLICIT)] {
        value.extend(sub);
    }
    assert_eq!(results(&[item(0x20, &value)]), [(1, 0)]);
}

#[test]
fn a30_an_item_longer_than_the_pdu_is_an_invalid_pdu() {
    let request = Rq { more: vec![0x50, 0, 0xff, 0xff, 1, 2], ..Rq::default() };
    assert_eq!(say(&request, &[]), "AB 0/0");
}

#[test]
fn a31_private_and_unknown_classes_are_accepted_and_what_stores_nothing_is_not() {
    let with = |class: &[u8]| results(&[context(1, &[class], &[EXPLICIT])])[0].1;
    assert_eq!(with(b"1.3.12.2.1107.5.9.1"), 0);
    assert_eq!(with(b"1.2.840.10008.5.1.4.1.1.987"), 0);
    for refused in ["5.1.4.31", "5.1.4.1.2.2.1", "3.1.2.3.3", "5.1.1.9", "1.20.1"] {
        let class = format!("1.2.840.10008.{refused}");
        assert_eq!(with(class.as_bytes()), 3, "{class}");
    }
}

#[test]
fn a32_a_retired_class_is_accepted() {
    let retired = context(1, &[b"1.2.840.10008.5.1.4.1.1.6"], &[EXPLICIT]);
    assert_eq!(results(&[retired]), [(1, 0)]);
}

#[test]
fn a33_an_unknown_syntax_of_the_standard_is_accepted_and_others_are_not() {
    let coming = b"1.2.840.10008.1.2.4.987";
    assert_eq!(choice(&[coming]), Ok(text(coming)));
    assert_eq!(choice(&[b"1.2.3"]), Err(4));
}

#[test]
fn a34_a_private_syntax_is_refused() {
    assert_eq!(choice(&[b"1.2.840.113619.5.2"]), Err(4));
    assert_eq!(choice(&[b"2.16.840.1.113709.1.2.2", IMPLICIT]), Ok(text(IMPLICIT)));
}

#[test]
fn a35_implicit_and_big_endian_yield_to_explicit_and_nothing_else_does() {
    assert_eq!(choice(&[BIG, IMPLICIT, EXPLICIT]), Ok(text(EXPLICIT)));
    assert_eq!(choice(&[IMPLICIT, EXPLICIT]), Ok(text(EXPLICIT)));
    let jpeg = b"1.2.840.10008.1.2.4.70";
    assert_eq!(choice(&[jpeg, EXPLICIT]), Ok(text(jpeg)));
    assert_eq!(choice(&[BIG]), Ok(text(BIG)));
}

#[test]
fn a36_jpeg_2000_alone_is_accepted() {
    for syntax in [b"1.2.840.10008.1.2.4.90".as_slice(), b"1.2.840.10008.1.2.4.201"] {
        assert_eq!(choice(&[syntax]), Ok(text(syntax)));
    }
}

#[test]
fn a37_a_syntax_proposed_twice_is_accepted() {
    assert_eq!(choice(&[EXPLICIT, EXPLICIT]), Ok(text(EXPLICIT)));
}

#[test]
fn a38_padded_uids_are_compared_and_answered_without_padding() {
    for padding in [b"\0", b" "] {
        let padded = [EXPLICIT, padding].concat();
        assert_eq!(choice(&[&padded]), Ok(text(EXPLICIT)));
        let class = [VERIFICATION, padding].concat();
        let contexts = [context(3, &[&class], &[IMPLICIT])];
        assert_eq!(say(&Rq::contexts(&contexts), &echo()), "AC 0000");
    }
}

#[test]
fn a39_of_two_abstract_syntaxes_the_first_counts() {
    let query: &[u8] = b"1.2.840.10008.5.1.4.1.2.2.1";
    let both = |first, second| results(&[context(1, &[first, second], &[EXPLICIT])]);
    assert_eq!(both(CT, query), [(1, 0)]);
    assert_eq!(both(query, CT), [(1, 3)]);
}

#[test]
fn a40_a_context_without_transfer_syntax_gets_result_4() {
    assert_eq!(choice(&[]), Err(4));
}

#[test]
fn a41_a_context_without_abstract_syntax_gets_result_3() {
    assert_eq!(results(&[context(1, &[], &[EXPLICIT])]), [(1, 3)]);
}

#[test]
fn a42_a_request_of_205_820_bytes_is_accepted_and_one_over_1_mib_is_not() {
    let syntaxes: Vec<_> = (0..60).map(|n| format!("1.2.840.10008.1.2.4.{n:02}")).collect();
    let syntaxes: Vec<_> = syntaxes.iter().map(String::as_bytes).collect();
    let contexts: Vec<_> = (1..=255).step_by(2).map(|id| context(id, &[CT], &syntaxes)).collect();
    let request = Rq::contexts(&contexts);
    assert!(200_000 < request.bytes().len());
    assert_eq!(say(&request, &[]), "AC");
    let huge = Rq { more: item(0x77, &vec![0; 60_000]).repeat(18), ..Rq::default() };
    assert_eq!(say(&huge, &[]), "AB 0/0");
}

#[test]
fn an_association_for_echo_alone_is_told_from_one_for_storage() {
    let purpose = |contexts: &[Vec<u8>]| {
        let mut driver = Driver::new();
        driver.feed(&Rq::contexts(contexts).bytes());
        driver.indicated[0].purpose
    };
    let echo = context(1, &[VERIFICATION], &[IMPLICIT]);
    let store = context(3, &[CT], &[IMPLICIT]);
    let query = context(5, &[b"1.2.840.10008.5.1.4.31"], &[IMPLICIT]);
    assert_eq!(purpose(&[echo.clone(), query.clone()]), Purpose::Verification);
    assert_eq!(purpose(&[echo, store]), Purpose::Storage);
    assert_eq!(purpose(&[query]), Purpose::Nothing);
}
