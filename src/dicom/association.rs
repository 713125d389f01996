//! The state table of an association (PS3.8 9.2.3, Table 9-10), for both roles.
//!
//! The two machines hold a [`State`], ask [`next`] at every event and do what the returned
//! [`Step`] says; no state changes anywhere else.

/// The states by the numbers of PS3.8 9.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Idle: no connection.
    Sta1,
    /// Connection open, A-ASSOCIATE-RQ awaited.
    Sta2,
    /// Our answer to the A-ASSOCIATE-RQ awaited.
    Sta3,
    /// Connection being opened.
    Sta4,
    /// A-ASSOCIATE-AC or -RJ awaited.
    Sta5,
    /// Established.
    Sta6,
    /// A-RELEASE-RP awaited.
    Sta7,
    /// Our answer to the A-RELEASE-RQ awaited.
    Sta8,
    /// Release collision, requestor: our answer awaited.
    Sta9,
    /// Release collision, acceptor: A-RELEASE-RP awaited.
    Sta10,
    /// Release collision, requestor: A-RELEASE-RP awaited.
    Sta11,
    /// Release collision, acceptor: our answer awaited.
    Sta12,
    /// The peer's closing of the connection awaited.
    Sta13,
}

/// Which side of the association we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We asked for it.
    Requestor,
    /// The peer asked for it.
    Acceptor,
}

/// The events of Table 9-10, in its order; those of the peer end in `Pdu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A-ASSOCIATE request of ours.
    AssociateRequest,
    /// Our connection stands.
    TransportConfirm,
    /// A-ASSOCIATE-AC.
    AcPdu,
    /// A-ASSOCIATE-RJ.
    RjPdu,
    /// A connection came in.
    TransportIndication,
    /// A-ASSOCIATE-RQ that the service provider finds acceptable.
    RqPdu,
    /// A-ASSOCIATE-RQ that the service provider itself rejects.
    UnacceptableRqPdu,
    /// We accept.
    AssociateAccept,
    /// We reject.
    AssociateReject,
    /// We have data to send.
    DataRequest,
    /// P-DATA-TF.
    DataPdu,
    /// We want to release.
    ReleaseRequest,
    /// A-RELEASE-RQ.
    ReleaseRqPdu,
    /// A-RELEASE-RP.
    ReleaseRpPdu,
    /// We answer the release.
    ReleaseResponse,
    /// We abort.
    AbortRequest,
    /// A-ABORT.
    AbortPdu,
    /// The connection is gone.
    TransportClosed,
    /// ARTIM expired.
    Artim,
    /// An unknown or invalid PDU.
    InvalidPdu,
}

/// The actions of PS3.8 Tables 9-6 to 9-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Open the connection.
    Ae1,
    /// Send A-ASSOCIATE-RQ.
    Ae2,
    /// Tell the user that it is accepted.
    Ae3,
    /// Tell the user that it is rejected; close.
    Ae4,
    /// Start ARTIM.
    Ae5,
    /// Stop ARTIM; indicate, or reject and start ARTIM.
    Ae6,
    /// Send A-ASSOCIATE-AC.
    Ae7,
    /// Send A-ASSOCIATE-RJ, start ARTIM.
    Ae8,
    /// Send P-DATA-TF.
    Dt1,
    /// Hand the data up.
    Dt2,
    /// Send A-RELEASE-RQ.
    Ar1,
    /// Tell the user that the peer releases.
    Ar2,
    /// Tell the user that it is released; close.
    Ar3,
    /// Send A-RELEASE-RP, start ARTIM.
    Ar4,
    /// Stop ARTIM.
    Ar5,
    /// Hand the data up.
    Ar6,
    /// Send P-DATA-TF.
    Ar7,
    /// Tell the user of a release collision.
    Ar8,
    /// Send A-RELEASE-RP.
    Ar9,
    /// Tell the user that the peer has answered.
    Ar10,
    /// Send A-ABORT as service user, start ARTIM.
    Aa1,
    /// Stop ARTIM, close.
    Aa2,
    /// Tell the user of the peer's abort; close.
    Aa3,
    /// Tell the user that the connection is gone.
    Aa4,
    /// Stop ARTIM.
    Aa5,
    /// Ignore.
    Aa6,
    /// Send A-ABORT again.
    Aa7,
    /// Send A-ABORT as service provider, tell the user, start ARTIM.
    Aa8,
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 20] = [
        Self::AssociateRequest,
        Self::TransportConfirm,
        Self::AcPdu,
        Self::RjPdu,
        Self::TransportIndication,
        Self::RqPdu,
        Self::UnacceptableRqPdu,
        Self::AssociateAccept,
        Self::AssociateReject,
        Self::DataRequest,
        Self::DataPdu,
        Self::ReleaseRequest,
        Self::ReleaseRqPdu,
        Self::ReleaseRpPdu,
        Self::ReleaseResponse,
        Self::AbortRequest,
        Self::AbortPdu,
        Self::TransportClosed,
        Self::Artim,
        Self::InvalidPdu,
    ];

    /// Returns the event that a PDU of type `kind` is.
    pub fn of_pdu(kind: u8) -> Self {
        match kind {
            1 => Self::RqPdu,
            2 => Self::AcPdu,
            3 => Self::RjPdu,
            4 => Self::DataPdu,
            5 => Self::ReleaseRqPdu,
            6 => Self::ReleaseRpPdu,
            7 => Self::AbortPdu,
            _ => Self::InvalidPdu,
        }
    }

    /// Returns whether the peer caused it by a PDU other than A-ABORT.
    fn is_pdu(self) -> bool {
        use Event as E;
        matches!(
            self,
            E::AcPdu | E::RjPdu | E::RqPdu | E::UnacceptableRqPdu | E::DataPdu | E::InvalidPdu
        ) || matches!(self, E::ReleaseRqPdu | E::ReleaseRpPdu)
    }
}

/// Returns what `event` leads to in `state`, or `None` for a pair that cannot happen.
pub fn next(state: State, event: Event, role: Role) -> Option<(Step, State)> {
    use Event as E;
    use State as S;
    use Step as T;
    // What the established states and those that await an answer have in common.
    let shared = !matches!(state, S::Sta1 | S::Sta2 | S::Sta4 | S::Sta13);
    Some(match (state, event) {
        (S::Sta1, E::AssociateRequest) => (T::Ae1, S::Sta4),
        (S::Sta1, E::TransportIndication) => (T::Ae5, S::Sta2),
        (S::Sta2, E::RqPdu) => (T::Ae6, S::Sta3),
        (S::Sta2, E::UnacceptableRqPdu) => (T::Ae6, S::Sta13),
        (S::Sta2 | S::Sta13, E::AbortPdu | E::Artim) | (S::Sta4, E::AbortRequest) => {
            (T::Aa2, S::Sta1)
        }
        (S::Sta2, E::TransportClosed) => (T::Aa5, S::Sta1),
        (S::Sta13, E::TransportClosed) => (T::Ar5, S::Sta1),
        (S::Sta13, E::RqPdu | E::UnacceptableRqPdu | E::InvalidPdu) => (T::Aa7, S::Sta13),
        (S::Sta4, E::TransportConfirm) => (T::Ae2, S::Sta5),
        (S::Sta3, E::AssociateAccept) => (T::Ae7, S::Sta6),
        (S::Sta3, E::AssociateReject) => (T::Ae8, S::Sta13),
        (S::Sta5, E::AcPdu) => (T::Ae3, S::Sta6),
        (S::Sta5, E::RjPdu) => (T::Ae4, S::Sta1),
        (S::Sta6, E::DataRequest) => (T::Dt1, S::Sta6),
        (S::Sta6, E::DataPdu) => (T::Dt2, S::Sta6),
        (S::Sta6, E::ReleaseRequest) => (T::Ar1, S::Sta7),
        (S::Sta6, E::ReleaseRqPdu) => (T::Ar2, S::Sta8),
        (S::Sta7, E::DataPdu) => (T::Ar6, S::Sta7),
        (S::Sta7, E::ReleaseRqPdu) => match role {
            Role::Requestor => (T::Ar8, S::Sta9),
            Role::Acceptor => (T::Ar8, S::Sta10),
        },
        (S::Sta7 | S::Sta11, E::ReleaseRpPdu) => (T::Ar3, S::Sta1),
        (S::Sta8, E::DataRequest) => (T::Ar7, S::Sta8),
        (S::Sta8 | S::Sta12, E::ReleaseResponse) => (T::Ar4, S::Sta13),
        (S::Sta9, E::ReleaseResponse) => (T::Ar9, S::Sta11),
        (S::Sta10, E::ReleaseRpPdu) => (T::Ar10, S::Sta12),
        (_, E::AbortPdu) if shared => (T::Aa3, S::Sta1),
        (_, E::TransportClosed) if shared || state == S::Sta4 => (T::Aa4, S::Sta1),
        (_, E::AbortRequest) if shared => (T::Aa1, S::Sta13),
        (S::Sta2, pdu) if pdu.is_pdu() => (T::Aa1, S::Sta13),
        (S::Sta13, pdu) if pdu.is_pdu() => (T::Aa6, S::Sta13),
        (_, pdu) if shared && pdu.is_pdu() => (T::Aa8, S::Sta13),
        (_, _) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 13] = [
        State::Sta1,
        State::Sta2,
        State::Sta3,
        State::Sta4,
        State::Sta5,
        State::Sta6,
        State::Sta7,
        State::Sta8,
        State::Sta9,
        State::Sta10,
        State::Sta11,
        State::Sta12,
        State::Sta13,
    ];

    /// Table 9-10, a row per event in its order, a column per state; `.` is a forbidden pair.
    const TABLE: &str = "
        Ae1:4 .      .     .     .     .     .     .     .     .      .     .     .
        .     .      .     Ae2:5 .     .     .     .     .     .      .     .     .
        .     Aa1:13 Aa8:13 .    Ae3:6 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa6:13
        .     Aa1:13 Aa8:13 .    Ae4:1 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa6:13
        Ae5:2 .      .     .     .     .     .     .     .     .      .     .     .
        .     Ae6:3  Aa8:13 .    Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa7:13
        .     Ae6:13 Aa8:13 .    Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa7:13
        .     .      Ae7:6 .     .     .     .     .     .     .      .     .     .
        .     .      Ae8:13 .    .     .     .     .     .     .      .     .     .
        .     .      .     .     .     Dt1:6 .     Ar7:8 .     .      .     .     .
        .     Aa1:13 Aa8:13 .    Aa8:13 Dt2:6 Ar6:7 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa6:13
        .     .      .     .     .     Ar1:7 .     .     .     .      .     .     .
        .     Aa1:13 Aa8:13 .    Aa8:13 Ar2:8 Ar8:C Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa6:13
        .     Aa1:13 Aa8:13 .    Aa8:13 Aa8:13 Ar3:1 Aa8:13 Aa8:13 Ar10:12 Ar3:1 Aa8:13 Aa6:13
        .     .      .     .     .     .     .     Ar4:13 Ar9:11 .    .     Ar4:13 .
        .     .      Aa1:13 Aa2:1 Aa1:13 Aa1:13 Aa1:13 Aa1:13 Aa1:13 Aa1:13 Aa1:13 Aa1:13 .
        .     Aa2:1  Aa3:1 .     Aa3:1 Aa3:1 Aa3:1 Aa3:1 Aa3:1 Aa3:1  Aa3:1 Aa3:1 Aa2:1
        .     Aa5:1  Aa4:1 Aa4:1 Aa4:1 Aa4:1 Aa4:1 Aa4:1 Aa4:1 Aa4:1  Aa4:1 Aa4:1 Ar5:1
        .     Aa2:1  .     .     .     .     .     .     .     .      .     .     Aa2:1
        .     Aa1:13 Aa8:13 .    Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa8:13 Aa7:13
    ";

    #[test]
    fn every_pair_of_state_and_event_leads_where_the_standard_says() {
        let rows: Vec<_> = TABLE.lines().filter(|line| !line.trim().is_empty()).collect();
        assert_eq!(rows.len(), Event::ALL.len());
        for (event, row) in Event::ALL.into_iter().zip(rows) {
            let cells: Vec<_> = row.split_whitespace().collect();
            assert_eq!(cells.len(), STATES.len(), "{event:?}");
            for (state, cell) in STATES.into_iter().zip(cells) {
                for (role, collision) in [(Role::Requestor, "9"), (Role::Acceptor, "10")] {
                    let wanted = cell.replace('C', collision);
                    let got = next(state, event, role).map_or(".".to_owned(), |(step, to)| {
                        format!("{step:?}:{to:?}").replace("Sta", "")
                    });
                    assert_eq!(got, wanted, "{event:?} in {state:?} as {role:?}");
                }
            }
        }
    }

    #[test]
    fn c07_a_release_collision_ends_both_roles_in_a_closed_connection() {
        use Event::{ReleaseRequest, ReleaseResponse, ReleaseRpPdu, ReleaseRqPdu};
        let walk = |role, events: &[Event]| {
            let mut state = State::Sta6;
            for event in events {
                state = next(state, *event, role).unwrap().1;
            }
            state
        };
        let requestor = [ReleaseRequest, ReleaseRqPdu, ReleaseResponse, ReleaseRpPdu];
        let acceptor = [ReleaseRequest, ReleaseRqPdu, ReleaseRpPdu, ReleaseResponse];
        assert_eq!(walk(Role::Requestor, &requestor), State::Sta1);
        assert_eq!(walk(Role::Acceptor, &acceptor), State::Sta13);
    }
}
