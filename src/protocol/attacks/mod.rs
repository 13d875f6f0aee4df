//! Malicious provers. Every test builds the proof that a cheater would send, and names the check that refuses it.
//!
//! A forgery bends what an honest prover computes: the values of the network ([`Trace`](super::witness::Trace)), the table
//! positions, the leaves of the lookups and single weights ([`bent`]), single hidden scalars (the writer's `tamper` hook), or the
//! finished words. Where one check would stop a clumsy forgery, the same forgery is repeated by a prover who also satisfies that
//! check. The forgeries in [`known`] and [`hidden_width`] pass when one named rule is dropped
//! ([`oracle`](crate::transcript::oracle) answers a challenge in advance, a message is not absorbed, a mask is left out), so each
//! test is known to test something.
//!
//! # How systems of this kind have been broken, and the tests that each way owes us
//!
//! | defect | tests |
//! | --- | --- |
//! | public input or output not absorbed before the first challenge | `known::another_input_that_agrees_at_the_point`, `known::other_outputs_that_agree_at_the_point`, `words::proofs_are_about_one_statement`, `values::wrong_logits` |
//! | the claim about the model's input never checked | `known::claims_that_nobody_opens`, `values::another_input_is_run`, `values::private_input_out_of_range` |
//! | lookup sums never compared with the table; table chosen by the prover | `known::a_lookup_sum_that_nobody_compares`, `values::a_table_of_the_provers_own`, `values::wrong_activation_in_mode_a`, `.._b` |
//! | prover's evaluations not absorbed before the next challenge | `known::a_linear_round_with_a_known_challenge`, `known::ends_that_are_right_on_their_line`, `mutations` |
//! | batching challenge drawn before what it batches | `cancel::roots_that_are_right_in_one_combination`, `cancel::opening_claims_that_cancel`, `cancel::responses_whose_errors_cancel` |
//! | batched opening not tied to the claims | `cancel::one_wrong_claim_in_a_batch` (B = 1, 2, 3, 5), `values::factors_scaled`, `values::opening_sumcheck_changed` |
//! | lengths, round counts, degrees read from the proof; truncating zip | `words::proofs_have_exactly_one_length`, `mutations` (words left out, words twice), `words::a_file_says_how_many_inputs_it_is_about` |
//! | a check computed and dropped | `words::every_word_is_bound` (every check is the only one that some change breaks), `mutations::no_mutation_is_accepted` |
//! | folding challenge fixed to 1, errors cancel | inside one proof: `cancel::opening_claims_that_cancel` (`ρ = 1`); two leaves, in one merge and across levels: `aggregate::attacks::two_leaves_whose_errors_cancel`, `errors_that_cancel_between_levels_of_the_tree`, `rho_that_does_not_depend_on_the_leaves` |
//! | multiplicities or witness committed after α, β | `known::multiplicities_for_known_challenges`, `known::tuples_packed_into_one_integer` |
//! | quotient or remainder not range-checked; sign of zero; two decompositions | `values::other_quotient_and_remainder`, `known::a_lookup_sum_that_nobody_compares` |
//! | tuple packed into one integer without range checks | `known::tuples_packed_into_one_integer` |
//! | padding rows or columns free | `values::padding_that_is_not_the_zero_pattern` (sizes 1, 2 and odd), `hidden_width::a_neuron_hidden_beyond_the_width` |
//! | weights not of the claimed form | `ternary::a_weight_beyond_one`, `ternary::weights_whose_errors_cancel`, `ternary::a_square_that_is_none`, `ternary::ternarity_is_about_the_committed_rows` |
//! | malleable proofs, trailing bytes, non-canonical scalars, points off the curve or at infinity | `words::encodings_are_canonical`, `words::every_word_is_bound`, `words::a_file_says_how_many_inputs_it_is_about`, `mutations` |
//! | unbounded allocation, panic, overflow in the parser or verifier | `words::tables_are_bounded_before_they_are_made`, `words::unusable_statements`, the codec's own tests, the fuzz targets, `tests/resources.rs` |
//! | same blinding used twice; zeroed blinds; unblinded multiplicities | `hiding::proofs_share_no_word`, `hiding::words_of_hundreds_of_proofs_are_distinct`, `hiding::blinds_of_thousands_of_proofs_are_distinct`, `hiding::every_row_is_blinded`, `aggregate::attacks::no_two_closings_share_blinds`, `simulator::simulated_proofs_verify_with_their_oracle_alone` |
//! | opening point not bound | `known::an_opening_round_with_a_known_challenge` |
//! | proof replayed under another model, input, batch or context | `words::proofs_are_about_one_statement` |
//! | committed rows unconstrained beyond their logical width | `hidden_width::a_neuron_hidden_beyond_the_width` |
//! | two claims added with a fixed coefficient | `cancel::leaves_all_shifted_by_a_root` (`γ = 1`), `cancel::opening_claims_that_cancel` (`ρ = 1`) |
//! | exact per-layer bounds published | `values::bounds_are_shared_by_many_networks` |
//! | GPU returns a wrong or empty buffer | a backend that lies ([`bent`]) makes proofs that are refused; kernels with planted faults, lost devices: the GPU backend's own tests |

mod bent;
mod cancel;
mod completeness;
mod hidden_width;
mod hiding;
mod known;
mod lab;
mod mutations;
mod polynomial;
mod simulator;
mod ternary;
mod values;
mod words;
