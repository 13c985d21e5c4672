// Storage of a memory of which no more is known than its rate: a beat a clock, data a clock later.
//
// Made for Verilator. Reading a row of 1,024 beats that nobody wrote is counted: it is a mistake.

module paced_memory #(
    parameter integer BEAT_BYTES = 8,
    parameter integer ADDR_BITS = 10
) (
    input clk,
    input [ADDR_BITS-1:0] addr,
    input read,
    input write,
    input [8*BEAT_BYTES-1:0] data_i,
    output reg [8*BEAT_BYTES-1:0] data_o,
    output reg [31:0] violations
);
    localparam integer ROW_BITS = ADDR_BITS - 10;

    reg [8*BEAT_BYTES-1:0] mem [0:(1 << ADDR_BITS) - 1];
    reg [0:0] written [0:(1 << ROW_BITS) - 1];

    integer n;
    initial begin
        violations = 0;
        for (n = 0; n < (1 << ROW_BITS); n = n + 1) written[n] = 0;
    end

    always @(posedge clk) begin
        if (write) begin
            mem[addr] <= data_i;
            written[addr[ADDR_BITS-1:10]] <= 1;
        end
        if (read) begin
            data_o <= mem[addr];
            if (!written[addr[ADDR_BITS-1:10]]) violations <= violations + 1;
        end
    end
endmodule
