// An SDR SDRAM chip that keeps its contents and watches its data sheet's rules.
//
// Ref: Micron MT48LC16M16A2 data sheet. Plain clocked logic without delays, made for Verilator:
// in a clock without a command nothing is compared but the refresh timer. Rules are judged in
// picoseconds from the number of clocks. Codes of violations: sdram_chip.py holds the same list.
//
// Bursts of 8, sequential, CAS latency 2 or 3, without auto precharge, power-down, or masked reads.
// `dq_o` is valid in the clock that ends with the edge at which the controller samples it.

/* verilator lint_off BLKSEQ */
/* verilator lint_off WIDTH */
module sdram_chip #(
    parameter integer BANK_BITS = 2,
    parameter integer ROW_BITS = 13,
    parameter integer COL_BITS = 9,
    parameter integer ADDR_PINS = 13,
    parameter integer BEAT_BYTES = 2,
    parameter integer CLOCK_PS = 10000,
    parameter integer TRCD_PS = 21000,
    parameter integer TRP_PS = 21000,
    parameter integer TRAS_PS = 44000,
    parameter integer TRC_PS = 66000,
    parameter integer TRFC_PS = 70000,
    parameter integer TRRD_PS = 15000,
    parameter integer TWR_PS = 15000,
    parameter integer TWR_CLOCKS = 2,
    parameter integer TMRD_CLOCKS = 2,
    parameter integer TREFI_PS = 7812500,
    // Refreshes that may be owed, or ahead of time.
    parameter integer POSTPONED = 8,
    parameter integer TINIT_PS = 200000000,
    parameter integer INIT_REFRESHES = 8
) (
    input clk,
    input rst,  // as after power-up: contents are lost, and violations forgotten
    input [1:0] skew,  // of clk to the controller's: 0 none that matters, 1 at the edge, 2 beyond
    input cke,
    input cs_n,
    input ras_n,
    input cas_n,
    input we_n,
    input [BANK_BITS-1:0] ba,
    input [ADDR_PINS-1:0] a,
    input [BEAT_BYTES-1:0] dqm,
    input [8*BEAT_BYTES-1:0] dq_i,
    input dq_oe,  // the controller drives dq_i
    output reg [8*BEAT_BYTES-1:0] dq_o,
    output reg [31:0] violations,
    output reg [7:0] violation_code
);
    localparam BANKS = 1 << BANK_BITS;
    localparam WIDTH = 8 * BEAT_BYTES;

    localparam [3:0] BURST_TERMINATE = 4'b0110, READ = 4'b0101, WRITE = 4'b0100,
        ACTIVATE = 4'b0011, PRECHARGE = 4'b0010, REFRESH = 4'b0001, LOAD_MODE = 4'b0000;

    localparam INIT_WAIT = 1, INIT_ORDER = 2, TRCD = 3, TRP = 4, TRAS = 5, TRC = 6, TRFC = 7,
        TRRD = 8, TWR = 9, TMRD = 10, REFRESH_INTERVAL = 11, BANK_OPEN = 12, BANK_CLOSED = 13,
        CONTENTION = 14, UNDRIVEN = 15, UNWRITTEN = 16, UNSUPPORTED = 17;

    // Row, bank, column from the top: the index is the controller's beat address.
    reg [WIDTH-1:0] mem [0:(1 << (ROW_BITS + BANK_BITS + COL_BITS)) - 1];
    reg [0:0] written [0:(1 << (ROW_BITS + BANK_BITS)) - 1];

    reg signed [63:0] cycle;
    reg signed [63:0] activated [0:BANKS-1];
    reg signed [63:0] precharged [0:BANKS-1];
    reg signed [63:0] stored [0:BANKS-1];
    reg signed [63:0] activated_any;
    reg signed [63:0] precharged_any;
    reg signed [63:0] refreshed;
    reg signed [63:0] moded;
    reg [BANKS-1:0] is_open;
    reg [ROW_BITS-1:0] open_row [0:BANKS-1];

    reg awake;         // some command has been given
    reg all_closed;    // PRECHARGE ALL has been given
    reg mode_set;
    reg initialized;   // a row has been activated: the refresh timer runs
    reg [7:0] init_refreshes;
    reg signed [63:0] powered;  // clocks with CKE high
    reg signed [31:0] elapsed;
    reg signed [31:0] owed;

    reg slow;  // CAS latency 3, not 2
    reg reading, writing;
    reg [2:0] beat;
    reg [BANK_BITS-1:0] bank;
    reg [ROW_BITS+BANK_BITS+COL_BITS-1:0] index;
    reg [WIDTH-1:0] first, second, third;
    reg [2:0] driving;  // of first, second, third
    reg drives, drove;  // dq_o is driven now, and was a clock ago
    reg lost;  // the mode was lost: a command was misread
    reg [31:0] noise;

    wire [3:0] command = {cs_n, ras_n, cas_n, we_n};
    wire [COL_BITS-1:0] col = {a >> 11, a[9:0]};  // A10 is not part of it

    integer n;
    task power_up;
        begin
            cycle = 0;
            for (n = 0; n < BANKS; n = n + 1) begin
                activated[n] = -(64'sd1 << 40);
                precharged[n] = -(64'sd1 << 40);
                stored[n] = -(64'sd1 << 40);
                open_row[n] = 0;
            end
            for (n = 0; n < (1 << (ROW_BITS + BANK_BITS)); n = n + 1) written[n] = 0;
            activated_any = -(64'sd1 << 40);
            precharged_any = -(64'sd1 << 40);
            refreshed = -(64'sd1 << 40);
            moded = -(64'sd1 << 40);
            is_open = 0;
            awake = 0;
            all_closed = 0;
            mode_set = 0;
            initialized = 0;
            init_refreshes = 0;
            powered = 0;
            elapsed = 0;
            owed = 0;
            slow = 1;
            reading = 0;
            writing = 0;
            beat = 0;
            bank = 0;
            index = 0;
            driving = 0;
            drives = 0;
            drove = 0;
            lost = 0;
            noise = 1;
            violations = 0;
            violation_code = 0;
        end
    endtask
    initial power_up;

    task violate(input [7:0] code, input [BANK_BITS-1:0] at);
        begin
            violations = violations + 1;
            if (violation_code == 0) violation_code = code;
            if (violations <= 20)
                $display("sdram_chip: %0s violated in cycle %0d, bank %0d, row %0d", name_of(code),
                         cycle, at, open_row[at]);
        end
    endtask

    function [8*16-1:0] name_of(input [7:0] code);
        case (code)
            INIT_WAIT: name_of = "INIT_WAIT";
            INIT_ORDER: name_of = "INIT_ORDER";
            TRCD: name_of = "TRCD";
            TRP: name_of = "TRP";
            TRAS: name_of = "TRAS";
            TRC: name_of = "TRC";
            TRFC: name_of = "TRFC";
            TRRD: name_of = "TRRD";
            TWR: name_of = "TWR";
            TMRD: name_of = "TMRD";
            REFRESH_INTERVAL: name_of = "REFRESH_INTERVAL";
            BANK_OPEN: name_of = "BANK_OPEN";
            BANK_CLOSED: name_of = "BANK_CLOSED";
            CONTENTION: name_of = "CONTENTION";
            UNDRIVEN: name_of = "UNDRIVEN";
            UNWRITTEN: name_of = "UNWRITTEN";
            default: name_of = "UNSUPPORTED";
        endcase
    endfunction

    task check_since(input [7:0] code, input signed [63:0] since, input signed [63:0] limit_ps);
        if ((cycle - since) * CLOCK_PS < limit_ps) violate(code, ba);
    endtask

    // REFRESH and LOAD MODE want every bank closed for tRP.
    task check_idle;
        begin
            if (!all_closed) violate(INIT_ORDER, ba);
            if (is_open != 0) violate(BANK_OPEN, ba);
            check_since(TRP, precharged_any, TRP_PS);
            check_since(TRFC, refreshed, TRFC_PS);
            if (cycle - moded < TMRD_CLOCKS) violate(TMRD, ba);
        end
    endtask

    task close(input [BANK_BITS-1:0] at);
        begin
            if (is_open[at]) begin
                if ((cycle - activated[at]) * CLOCK_PS < TRAS_PS) violate(TRAS, at);
                if ((cycle - stored[at]) * CLOCK_PS < TWR_PS || cycle - stored[at] < TWR_CLOCKS)
                    violate(TWR, at);
            end
            is_open[at] = 0;
            precharged[at] = cycle;
            precharged_any = cycle;
            if (bank == at) begin
                reading = 0;
                writing = 0;
            end
        end
    endtask

    task execute;
        begin
            if (!awake && powered * CLOCK_PS < TINIT_PS) violate(INIT_WAIT, ba);
            awake = 1;
            case (command)
                ACTIVATE: begin
                    if (!mode_set || init_refreshes < INIT_REFRESHES) violate(INIT_ORDER, ba);
                    if (is_open[ba]) violate(BANK_OPEN, ba);
                    check_since(TRP, precharged[ba], TRP_PS);
                    check_since(TRC, activated[ba], TRC_PS);
                    check_since(TRFC, refreshed, TRFC_PS);
                    if (activated[ba] != activated_any) check_since(TRRD, activated_any, TRRD_PS);
                    if (cycle - moded < TMRD_CLOCKS) violate(TMRD, ba);
                    is_open[ba] = 1;
                    open_row[ba] = a[ROW_BITS-1:0];
                    activated[ba] = cycle;
                    activated_any = cycle;
                    initialized = 1;
                end
                PRECHARGE: begin
                    check_since(TRFC, refreshed, TRFC_PS);
                    if (a[10]) begin
                        for (n = 0; n < BANKS; n = n + 1) close(n[BANK_BITS-1:0]);
                        all_closed = 1;
                    end else close(ba);
                end
                REFRESH: begin
                    check_idle;
                    check_since(TRC, activated_any, TRC_PS);
                    refreshed = cycle;
                    if (init_refreshes < INIT_REFRESHES) init_refreshes = init_refreshes + 1;
                    if (initialized && owed > -POSTPONED) owed = owed - 1;
                end
                LOAD_MODE: begin
                    check_idle;
                    if (a[3:0] != 4'b0011 || a[6:5] != 2'b01 || a[ADDR_PINS-1:7] != 0)
                        violate(UNSUPPORTED, ba);
                    slow = a[4];
                    lost = 0;
                    mode_set = 1;
                    moded = cycle;
                end
                READ, WRITE: begin
                    if (!is_open[ba]) violate(BANK_CLOSED, ba);
                    check_since(TRCD, activated[ba], TRCD_PS);
                    if (a[10]) violate(UNSUPPORTED, ba);
                    bank = ba;
                    index = {open_row[ba], ba, col};
                    beat = 0;
                    reading = command == READ;
                    writing = command == WRITE;
                    if (writing) written[{open_row[ba], ba}] = 1;
                    else if (!written[{open_row[ba], ba}]) violate(UNWRITTEN, ba);
                end
                BURST_TERMINATE: begin
                    reading = 0;
                    writing = 0;
                end
                default: ;
            endcase
        end
    endtask

    // Beats mix with the ones behind them. Beyond the edge commands suffer as well, so that the
    // chip needs its mode again afterwards.
    task disturb;
        begin
            noise = {noise[30:0], noise[31] ^ noise[21] ^ noise[1] ^ noise[0]};
            if (skew[1]) lost = 1;
            if (lost) dq_o <= slow ? ~second : ~first;
            else if (noise[2:0] == 0)
                dq_o <= slow ? (third & ~noise[WIDTH-1:0]) | (second & noise[WIDTH-1:0])
                             : (second & ~noise[WIDTH-1:0]) | (first & noise[WIDTH-1:0]);
        end
    endtask

    always @(posedge clk) begin
        cycle = cycle + 1;

        if (initialized) begin
            elapsed = elapsed + CLOCK_PS;
            if (elapsed >= TREFI_PS) begin
                elapsed = elapsed - TREFI_PS;
                owed = owed + 1;
                if (owed > POSTPONED) violate(REFRESH_INTERVAL, ba);
            end
        end

        if (cke) powered = powered + 1;
        else if (awake) violate(UNSUPPORTED, ba);
        else powered = 0;
        if (cke && !cs_n && command != 4'b0111) execute;

        // The driver needs a clock to leave the bus.
        if (dq_oe && (drives || drove)) violate(CONTENTION, bank);

        if (writing) begin
            if (!dq_oe) violate(UNDRIVEN, bank);
            if (dqm == 0) mem[index] = dq_i;
            else for (n = 0; n < BEAT_BYTES; n = n + 1)
                if (!dqm[n]) mem[index][8*n +: 8] = dq_i[8*n +: 8];
            stored[bank] = cycle;
        end

        third = second;
        second = first;
        driving = {driving[1:0], reading};
        if (reading) begin
            if (dqm != 0) violate(UNSUPPORTED, bank);
            first = mem[index];
        end

        if (reading || writing) begin
            index[2:0] = index[2:0] + 3'd1;
            if (beat == 7) begin
                reading = 0;
                writing = 0;
            end
            beat = beat + 1;
        end

        dq_o <= slow ? third : second;
        if (skew != 0 || lost) disturb;
        drove = drives;
        drives = slow ? driving[2] : driving[1];

        if (rst) power_up;
    end
endmodule
