-- Facts of more types: what simulations, travel-rule exchanges, nodes and clocks state.
alter table fact drop constraint fact_type_check;
alter table fact add constraint fact_type_check check (
  type in ('screening', 'price', 'finality', 'code', 'travel-rule', 'simulation', 'nonce', 'clock')
);
