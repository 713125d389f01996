//! Bytes as peers send them, right and wrong, for the tests of the two machines.

/// CT Image Storage.
pub(crate) const CT: &[u8] = b"1.2.840.10008.5.1.4.1.1.2";
/// Verification.
pub(crate) const VERIFICATION: &[u8] = b"1.2.840.10008.1.1";
/// Implicit VR Little Endian.
pub(crate) const IMPLICIT: &[u8] = b"1.2.840.10008.1.2";
/// Explicit VR Little Endian.
pub(crate) const EXPLICIT: &[u8] = b"1.2.840.10008.1.2.1";
/// The application context of DICOM.
pub(crate) const DICOM: &[u8] = b"1.2.840.10008.3.1.1.1";
/// What all our tests store.
pub(crate) const INSTANCE: &[u8] = b"1.2.3.4";

/// Control header of a PDV.
pub(crate) const DATA: u8 = 0;
pub(crate) const COMMAND: u8 = 1;
pub(crate) const LAST_DATA: u8 = 2;
pub(crate) const LAST_COMMAND: u8 = 3;

/// An A-ASSOCIATE-RQ whose every part may be spoiled.
#[derive(Clone)]
pub(crate) struct Rq {
    pub(crate) version: u16,
    pub(crate) called: Vec<u8>,
    pub(crate) calling: Vec<u8>,
    /// Application context items.
    pub(crate) application: Vec<u8>,
    /// Presentation context items.
    pub(crate) contexts: Vec<u8>,
    /// User information items, or nothing at all.
    pub(crate) user: Option<Vec<u8>>,
    /// Items behind all others.
    pub(crate) more: Vec<u8>,
}

impl Default for Rq {
    /// CT in explicit VR on context 1, Verification on context 3.
    fn default() -> Self {
        let contexts = [context(1, &[CT], &[EXPLICIT]), context(3, &[VERIFICATION], &[IMPLICIT])];
        let user = [
            item(0x51, &16_384_u32.to_be_bytes()),
            item(0x52, b"1.2.276.0.7230010.3.0.3.7.0"),
            item(0x55, b"TESTPEER"),
        ];
        Self {
            version: 1,
            called: b"SCANPOST        ".to_vec(),
            calling: b"CT1             ".to_vec(),
            application: item(0x10, DICOM),
            contexts: contexts.concat(),
            user: Some(user.concat()),
            more: Vec::new(),
        }
    }
}

impl Rq {
    /// With other contexts.
    pub(crate) fn contexts(contexts: &[Vec<u8>]) -> Self {
        Self { contexts: contexts.concat(), ..Self::default() }
    }

    /// With further user information items.
    pub(crate) fn with_user(mut self, items: &[u8]) -> Self {
        self.user.get_or_insert_default().extend_from_slice(items);
        self
    }

    /// With another maximum length.
    pub(crate) fn max_length(length: u32) -> Self {
        Self { user: Some(item(0x51, &length.to_be_bytes())), ..Self::default() }
    }

    /// The PDU.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        pdu(1, &self.body())
    }

    /// The body of the PDU.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = self.version.to_be_bytes().to_vec();
        body.extend([0, 0]);
        body.extend(&self.called);
        body.extend(&self.calling);
        body.extend([0; 32]);
        body.extend(&self.application);
        body.extend(&self.contexts);
        if let Some(user) = &self.user {
            body.extend(item(0x50, user));
        }
        body.extend(&self.more);
        body
    }
}

/// A PDU.
pub(crate) fn pdu(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, 0][..], &length, body].concat()
}

/// An item or sub-item.
pub(crate) fn item(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind, 0][..], &length, value].concat()
}

/// A proposed presentation context.
pub(crate) fn context(id: u8, classes: &[&[u8]], syntaxes: &[&[u8]]) -> Vec<u8> {
    let mut value = vec![id, 0, 0xff, 0];
    value.extend(classes.iter().flat_map(|class| item(0x30, class)));
    value.extend(syntaxes.iter().flat_map(|syntax| item(0x40, syntax)));
    item(0x20, &value)
}

/// A role selection.
pub(crate) fn roles(class: &[u8], scu: u8, scp: u8) -> Vec<u8> {
    let length = u16::try_from(class.len()).unwrap().to_be_bytes();
    item(0x54, &[&length[..], class, &[scu, scp]].concat())
}

/// An A-ASSOCIATE-AC with the contexts given as items.
pub(crate) fn ac(contexts: &[Vec<u8>], user: &[u8]) -> Vec<u8> {
    let request = Rq { contexts: contexts.concat(), user: Some(user.to_vec()), ..Rq::default() };
    pdu(2, &request.body())
}

/// The answer to a presentation context.
pub(crate) fn answered(id: u8, result: u8, syntax: Option<&[u8]>) -> Vec<u8> {
    let syntax = syntax.map(|syntax| item(0x40, syntax)).unwrap_or_default();
    item(0x21, &[&[id, 0, result, 0][..], &syntax].concat())
}

/// A PDV.
pub(crate) fn pdv(context: u8, control: u8, fragment: &[u8]) -> Vec<u8> {
    let length = u32::try_from(fragment.len() + 2).unwrap().to_be_bytes();
    [&length[..], &[context, control], fragment].concat()
}

/// A P-DATA-TF with one PDV.
pub(crate) fn data(context: u8, control: u8, fragment: &[u8]) -> Vec<u8> {
    pdu(4, &pdv(context, control, fragment))
}

/// An element of a command set, its value as given.
pub(crate) fn element(number: u16, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_le_bytes();
    [&[0, 0][..], &number.to_le_bytes(), &length, value].concat()
}

/// A command set with its group length.
pub(crate) fn command(elements: &[(u16, &[u8])]) -> Vec<u8> {
    let elements: Vec<_> =
        elements.iter().flat_map(|(number, value)| element(*number, &even(value))).collect();
    let length = u32::try_from(elements.len()).unwrap().to_le_bytes();
    [element(0, &length), elements].concat()
}

/// A value with its padding.
pub(crate) fn even(value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    value.resize(value.len().next_multiple_of(2), 0);
    value
}

/// A C-ECHO-RQ.
pub(crate) fn echo(message_id: u16) -> Vec<u8> {
    command(&[
        (0x0002, VERIFICATION),
        (0x0100, &0x0030_u16.to_le_bytes()),
        (0x0110, &message_id.to_le_bytes()),
        (0x0800, &0x0101_u16.to_le_bytes()),
    ])
}

/// A C-STORE-RQ of a CT image.
pub(crate) fn store(message_id: u16) -> Vec<u8> {
    store_of(message_id, CT, INSTANCE, 0x0001)
}

/// A C-STORE-RQ with everything chosen.
pub(crate) fn store_of(message_id: u16, class: &[u8], instance: &[u8], data_set: u16) -> Vec<u8> {
    command(&[
        (0x0002, class),
        (0x0100, &0x0001_u16.to_le_bytes()),
        (0x0110, &message_id.to_le_bytes()),
        (0x0700, &0_u16.to_le_bytes()),
        (0x0800, &data_set.to_le_bytes()),
        (0x1000, instance),
    ])
}

/// A whole C-STORE: command and data set in a P-DATA-TF each, on context 1.
pub(crate) fn object(message_id: u16, data_set: &[u8]) -> Vec<u8> {
    [data(1, LAST_COMMAND, &store(message_id)), data(1, LAST_DATA, data_set)].concat()
}

/// An A-RELEASE-RQ.
pub(crate) fn release() -> Vec<u8> {
    pdu(5, &[0; 4])
}

/// A response as an acceptor sends it.
pub(crate) fn response(field: u16, message_id: u16, status: u16, instance: &[u8]) -> Vec<u8> {
    let mut elements = vec![
        (0x0100, field.to_le_bytes().to_vec()),
        (0x0120, message_id.to_le_bytes().to_vec()),
        (0x0800, 0x0101_u16.to_le_bytes().to_vec()),
        (0x0900, status.to_le_bytes().to_vec()),
    ];
    if !instance.is_empty() {
        elements.push((0x1000, instance.to_vec()));
    }
    let elements: Vec<_> = elements.iter().map(|(n, v)| (*n, v.as_slice())).collect();
    command(&elements)
}

/// Tells PDUs that we sent in the words of the tables: `AC`, `RJ r/s/r`, `AB s/r`, `RP`, the
/// status of a C-STORE or C-ECHO response, `field:status` of another.
pub(crate) fn tell(mut bytes: &[u8]) -> String {
    let mut words = Vec::new();
    let mut command = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<6>() {
        let length = u32::from_be_bytes([head[2], head[3], head[4], head[5]]);
        let (body, rest) = rest.split_at(usize::try_from(length).unwrap());
        bytes = rest;
        match head[0] {
            1 => words.push("RQ".to_owned()),
            2 => words.push("AC".to_owned()),
            3 => words.push(format!("RJ {}/{}/{}", body[1], body[2], body[3])),
            4 => {
                command.extend_from_slice(&body[6..]);
                if body[5] & 2 != 0 {
                    words.push(tell_message(&std::mem::take(&mut command), body[5]));
                }
            }
            5 => words.push("RQ-RELEASE".to_owned()),
            6 => words.push("RP".to_owned()),
            7 => words.push(format!("AB {}/{}", body[2], body[3])),
            other => words.push(format!("PDU {other}")),
        }
    }
    assert!(bytes.is_empty(), "half a PDU was sent");
    words.join(" ")
}

fn tell_message(bytes: &[u8], control: u8) -> String {
    use crate::dicom::dimse::{Command, Message};
    if control & 1 == 0 {
        return format!("data[{}]", bytes.len());
    }
    match Command::read(bytes).unwrap().message {
        Message::Response(response) => match response.field {
            0x8001 | 0x8030 => response.status.to_string(),
            field => format!("{field:04X}:{}", response.status),
        },
        Message::Store(_) => "STORE".to_owned(),
        Message::Echo(_) => "ECHO".to_owned(),
        other @ (Message::Cancel | Message::Other(_)) => format!("{other:?}"),
    }
}
